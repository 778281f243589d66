// One stock socket.io-client, driven by the Go test that started this program: commands come in as JSON lines on standard input, what the client sees
// goes out as JSON lines on standard output. It ends with its input.
//
//   node client.mjs <version> <options as JSON> <url>
import { createInterface } from "node:readline";

const [version, options, url] = process.argv.slice(2);
const { io } = await import(`socket.io-client-${version}`);
const say = (kind, more) => process.stdout.write(JSON.stringify({ kind, ...more }) + "\n");

let token = JSON.parse(options).token;
const socket = io(url, {
  reconnectionDelay: 10,
  reconnectionDelayMax: 20,
  ...JSON.parse(options),
  auth: (done) => done({ token }), // a function is asked again at each reconnection
});
const transport = () => socket.io.engine?.transport?.name;

socket.on("connect", () => {
  say("connect", { recovered: socket.recovered === true, id: socket.id });
});
socket.on("connect_error", (err) => say("connect_error", { message: err.message, code: err.data?.code }));
socket.on("disconnect", (reason) => say("disconnect", { reason }));
socket.on("appointmnents.finished", (...args) => say("event", { data: args[0], transport: transport() }));
for (const name of JSON.parse(options).hears ?? []) {
  socket.on(name, (data) => say("heard", { id: name, message: JSON.stringify(data) }));
}

const commands = {
  cut: () => socket.io.engine.close(), // without a DISCONNECT packet
  settled: () => {
    const done = () => say("settled", { transport: transport() });
    const upgrades = JSON.parse(options).transports.includes("websocket") && transport() === "polling";
    upgrades ? socket.io.engine.once("upgrade", done) : done();
  },
  disconnect: () => socket.disconnect(),
  connect: () => socket.connect(),
  token: (value) => (token = value),
  ask: () => socket.emit("question", { any: "thing" }, (...answer) => say("answer", { answer })),
  binary: () => socket.emit("file", Buffer.from([1, 2, 3]), (...answer) => say("answer", { answer })),
};
for await (const line of createInterface({ input: process.stdin })) {
  const { name, value } = JSON.parse(line);
  commands[name](value);
}
socket.disconnect();
process.exit(0);
