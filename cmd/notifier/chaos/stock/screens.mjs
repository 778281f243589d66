// Many screens that are the stock Socket.IO client, for the chaos run: one order on standard input, what happens to the screens line by line on
// standard output. Ended from outside.
//
//   order       [{"screen", "url", "token", "transports": ["polling", "websocket"]}, …]
//   connect     {"screen", "recovered"}
//   event       {"screen", "id", "appointment", "account", "at"}      id: the offset; at: milliseconds
//   disconnect  {"screen", "reason"}
//   error       {"screen", "reason", "refused"}                       refused: it will not try again
import { readFileSync, writeSync } from "node:fs";
import { io } from "socket.io-client";

const say = (kind, screen, more) => writeSync(1, JSON.stringify({ kind, screen, ...more }) + "\n");

for (const { screen, url, token, transports } of JSON.parse(readFileSync(0, "utf8"))) {
  const socket = io(url, { auth: { token }, transports, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100, timeout: 2000 });
  socket.on("connect", () => say("connect", screen, { recovered: socket.recovered }));
  socket.on("appointmnents.finished", (appointment, ...rest) =>
    say("event", screen, { id: rest.at(-1), appointment: appointment.id, account: String(appointment.accountId), at: Date.now() }));
  socket.on("disconnect", (reason) => say("disconnect", screen, { reason, refused: !socket.active }));
  socket.on("connect_error", (error) =>
    say("error", screen, { reason: error.data?.code ?? error.message, refused: !socket.active }));
}
