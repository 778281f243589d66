// The reference server, which lets in whoever brings a token and acknowledges what it is asked to. It prints its URL and ends with its input.
import { createServer } from "node:http";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server);
io.use((socket, next) => next(socket.handshake.auth.token ? undefined : new Error("no token")));
io.on("connection", (socket) => socket.onAny((...args) => typeof args.at(-1) === "function" && args.at(-1)()));
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.on("end", () => process.exit(0)).resume();
