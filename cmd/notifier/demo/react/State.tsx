import { useEffect, useState } from "react";
import type { Connection } from "./useConnection";

const BANNER_FOR = 5_000;

export const STATES = { connecting: "conectando…", online: "conectado", lost: "reconectando…" };

/** The state of the connection, in one word. */
export function State({ connection }: { connection: Connection }) {
  return (
    <span className="state" data-state={connection.state} role="status">
      <i className="state__dot" aria-hidden="true" />
      <span>{STATES[connection.state]}</span>
    </span>
  );
}

/** What a lost connection means for the list; for a while after it is back, too. */
export function Banner({ connection: { state, connects, recovered } }: { connection: Connection }) {
  const [over, setOver] = useState(0); // the connection whose return has been told
  useEffect(() => {
    if (state !== "online") return;
    const timer = window.setTimeout(() => setOver(connects), BANNER_FOR);
    return () => window.clearTimeout(timer);
  }, [state, connects]);

  if (state === "lost") {
    return <div className="panel__banner" data-kind="lost">Sem os avisos por enquanto: a lista pode estar atrasada.</div>;
  }
  if (state !== "online" || recovered === null || over === connects) return null;
  return (
    <div className="panel__banner" data-kind="back">
      {recovered ? "Recuperado: os avisos que faltavam chegaram." : "De volta, mas sem os avisos perdidos: a lista é buscada de novo."}
    </div>
  );
}
