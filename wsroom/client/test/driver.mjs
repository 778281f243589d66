// One client, driven by a Go test: commands come in as JSON lines on standard input, what its handlers are told goes out as JSON lines on standard
// output, in the words of stocktest. It ends with its input.
//
//   node driver.mjs <options as JSON>

import { createInterface } from "node:readline";
import ws from "ws";
import { connect } from "../notifier-client.js";

const { token: first, asString, ...options } = JSON.parse(process.argv[2]);
const say = (kind, more) => process.stdout.write(JSON.stringify({ kind, ...more }) + "\n");

let token = first;
const client = connect({
  firstDelay: 10,
  longestDelay: 20,
  WebSocket: globalThis.WebSocket ?? ws, // Node has one of its own since 22
  token: asString ? first : () => {
    say("asked");
    return token;
  },
  ...options,
});

client.on("status", ({ state, code, reason, recovered }) => {
  const kind = { online: "connect", waiting: "disconnect" }[state] ?? state;
  say(kind, { recovered, reason, code: code === undefined ? "" : String(code) });
});
client.on("refetch", () => say("refetch"));
client.on("appointmnents.finished", (data, { id }) => say("event", { data, id }));

const commands = {
  token: (value) => (token = value),
  reconnect: () => client.reconnect(),
};
for await (const line of createInterface({ input: process.stdin })) {
  const { name, value } = JSON.parse(line);
  commands[name](value);
}
client.close();
