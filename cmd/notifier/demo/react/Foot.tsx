import { useEffect, useState } from "react";
import { createPortal } from "react-dom";
import type { Finished } from "./appointment";

const SAY_AFTER = 2_500; // a busy clinic must not talk over a screen reader
const NOTICE_FOR = 6_000;

interface Props {
  /** How many events have come since the list is shown, and the latest of them. */
  count: number;
  last: Finished | null;
  /** What the clinic refused; each is an object of its own, so that the same sentence is shown again. */
  refusal: { sentence: string };
  onReload: () => void;
}

export function Foot({ count, last, refusal, onReload }: Props) {
  const who = last && `${last.patient?.name ?? "Agendamento excluído"} · ${(last.status?.name ?? "encerrado").toLowerCase()}`;
  const [said, setSaid] = useState("");
  const [over, setOver] = useState(refusal);

  useEffect(() => {
    const timer = window.setTimeout(() => setSaid(who ?? ""), SAY_AFTER);
    return () => window.clearTimeout(timer);
  }, [who]);

  useEffect(() => {
    const timer = window.setTimeout(() => setOver(refusal), NOTICE_FOR);
    return () => window.clearTimeout(timer);
  }, [refusal]);

  return (
    <footer className="panel__foot">
      <p className="last">
        <b className="last__count">{count === 1 ? "1 aviso" : `${count} avisos`}</b>
        <span>{who ?? "Ninguém saiu da lista ainda."}</span>
      </p>
      <button className="button last__again" type="button" onClick={onReload}>Atualizar</button>
      <p className="unseen" role="status">{said}</p>
      {refusal !== over && createPortal(<div className="notice" role="alert">{refusal.sentence}</div>, document.body)}
    </footer>
  );
}
