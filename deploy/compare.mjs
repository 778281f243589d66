// What a Socket.IO gateway and notifier tell of the same appointments, side by side: see RECIPES.md. It needs the npm package socket.io-client.
//
//   node compare.mjs <gateway> <its token> <notifier> <its token>        Ctrl-C: the sum
import { io } from "socket.io-client";

const [gateway, gatewayToken, notifier, notifierToken] = process.argv.slice(2);
const told = { gateway: new Map(), notifier: new Map() };
let same = 0;

// What the gateway sends has to be there; what notifier adds (`procedures`) harms nobody. It prints what differs, patients' data included.
const differences = (a, b, path) => {
  if (a !== null && typeof a === "object" && b !== null && typeof b === "object") {
    return Object.keys(a).flatMap((key) => differences(a[key], b[key], `${path}.${key}`));
  }
  return a === b ? [] : [`${path} ${JSON.stringify(a)} | ${JSON.stringify(b)}`];
};

const follow = (name, url, token) => {
  const socket = io(url, { auth: { token } });
  socket.on("connect", () => console.log(`connected to ${name}`));
  socket.on("connect_error", (err) => console.log(name, err.message));
  socket.on("appointmnents.finished", (appointment) => {
    told[name].set(appointment.id, appointment);
    const [theirs, ours] = [told.gateway.get(appointment.id), told.notifier.get(appointment.id)];
    if (!theirs || !ours) return;
    const found = differences(theirs, ours, "");
    if (found.length) console.log(`${appointment.id}, gateway | notifier: ${found.join("; ")}`);
    else same++;
  });
};
follow("gateway", gateway, gatewayToken);
follow("notifier", notifier, notifierToken);

const only = (a, b) => [...told[a].keys()].filter((id) => !told[b].has(id)).join(" ") || "none";
process.on("SIGINT", () => {
  console.log(`${same} the same; only from the gateway: ${only("gateway", "notifier")}; only from notifier: ${only("notifier", "gateway")}`);
  process.exit(0);
});
