import { io } from "socket.io-client";
import { getToken } from "../web/api.js";

const query = new URLSearchParams(location.search);
const transport = ["polling", "websocket"].find((name) => name === query.get("transport"));

/** Whose list this window shows: ?account=…, or the first. */
export const account = Number(query.get("account") ?? 1);

/**
 * The stock client with its own defaults; ?transport=polling or websocket holds it to one. auth is a function because
 * it is asked again at each connection, and a connection lives no longer than its token.
 */
export const socket = io({
  autoConnect: false,
  auth: (send) => {
    // Without a token the server refuses, and useConnection asks again.
    getToken(account).then((token: string) => send({ token }), () => send({}));
  },
  ...(transport && { transports: [transport] }),
});
