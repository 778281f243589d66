// A TCP proxy in front of the demo that can take connections away: those that begin
// with a WebSocket while the clinic's own API stays, or all of them.

import { connect, createServer } from "node:net";

export const WEBSOCKET = /^GET \/ws[? ]/; // the browser opens a connection of its own for each
export const EVERYTHING = /^/;

/** which tells the connections to cut by the first bytes that the browser sends on them. */
export async function startProxy(target, which) {
  const { hostname, port } = new URL(target);
  const live = new Set(); // those that can be cut
  let away = false;

  const server = createServer((client) => {
    client.on("error", () => client.destroy());
    client.once("data", (first) => {
      const cuttable = which.test(first.toString("latin1"));
      if (cuttable && away) {
        client.destroy();
        return;
      }
      const upstream = connect(Number(port), hostname);
      upstream.on("error", () => client.destroy());
      upstream.on("close", () => client.destroy());
      client.on("close", () => upstream.destroy());
      upstream.write(first);
      client.pipe(upstream).pipe(client);
      if (cuttable) {
        live.add(client);
        client.on("close", () => live.delete(client));
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    cut() {
      away = true;
      for (const client of live) client.destroy();
    },
    mend() {
      away = false;
    },
    close() {
      server.close();
      server.closeAllConnections?.();
      for (const client of live) client.destroy();
    },
  };
}
