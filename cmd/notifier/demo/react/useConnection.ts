import { useEffect, useState } from "react";
import { socket } from "./socket";

const AGAIN = 2_000;

export interface Connection {
  state: "connecting" | "online" | "lost";
  transport: string | null;
  /** How often it has connected since the page was opened. */
  connects: number;
  /** Whether the latest reconnection brought what was missed; null before the first. */
  recovered: boolean | null;
}

/** Connects while mounted, and tells how the connection is. */
export function useConnection(): Connection {
  const [connection, setConnection] = useState<Connection>({ state: "connecting", transport: null, connects: 0, recovered: null });

  useEffect(() => {
    let retry: number | undefined;
    const onConnect = () => {
      const { engine } = socket.io;
      setConnection(({ connects }) => ({
        state: "online",
        transport: engine.transport.name,
        connects: connects + 1,
        recovered: connects === 0 ? null : socket.recovered,
      }));
      engine.once("upgrade", ({ name }) => setConnection((prev) => ({ ...prev, transport: name })));
    };
    // A link that fails comes back by itself; only after a refusal does the client wait to be told.
    const onAway = () => {
      setConnection((prev) => ({ ...prev, state: prev.connects > 0 ? "lost" : "connecting", transport: null }));
      if (!socket.active) retry = window.setTimeout(() => socket.connect(), AGAIN);
    };
    socket.on("connect", onConnect);
    socket.on("disconnect", onAway);
    socket.on("connect_error", onAway);
    socket.connect();
    return () => {
      window.clearTimeout(retry);
      socket.off("connect", onConnect);
      socket.off("disconnect", onAway);
      socket.off("connect_error", onAway);
      socket.disconnect();
    };
  }, []);

  return connection;
}
