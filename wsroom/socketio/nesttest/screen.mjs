// What a screen of the field does, and a line for everything that it sees. It ends after as many events as it is told, or when it is thrown out.
//
//   node screen.mjs <url> <token> <transports as JSON> <events>
import { io } from "socket.io-client";

const [url, token, transports, events] = process.argv.slice(2);
const socket = io(url, { auth: { token }, transports: JSON.parse(transports) });
let left = Number(events);

socket.on("connect", () => console.log("connect"));
socket.on("connect_error", (err) => console.log("connect_error", err.message));
socket.on("disconnect", (reason) => {
  console.log("disconnect", reason);
  process.exit(0);
});
const finished = (appointment) => {
  console.log("appointmnents.finished", JSON.stringify(appointment));
  if (--left === 0) {
    socket.off("appointmnents.finished", finished); // as a component that is unmounted
    socket.disconnect();
  }
};
socket.on("appointmnents.finished", finished);
