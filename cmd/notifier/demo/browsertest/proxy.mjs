// A TCP proxy in front of the demo that can take the WebSocket away while the
// clinic's own API stays: what a daemon's end looks like to a window.

import { connect, createServer } from "node:net";

export async function startProxy(target) {
  const { hostname, port } = new URL(target);
  const live = new Set(); // the pairs that carry a WebSocket
  let away = false;

  const server = createServer((client) => {
    client.on("error", () => client.destroy());
    client.once("data", (first) => {
      // The browser opens a connection of its own for each WebSocket.
      const webSocket = /^GET \/ws[? ]/.test(first.toString("latin1"));
      if (webSocket && away) {
        client.destroy();
        return;
      }
      const upstream = connect(Number(port), hostname);
      upstream.on("error", () => client.destroy());
      upstream.on("close", () => client.destroy());
      client.on("close", () => upstream.destroy());
      upstream.write(first);
      client.pipe(upstream).pipe(client);
      if (webSocket) {
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
