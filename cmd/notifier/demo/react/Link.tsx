import { useEffect, useState } from "react";
import { socket } from "./socket";
import { STATES } from "./State";
import type { Connection } from "./useConnection";

/** What a developer wants to know of the connection. While this is shown, the list is unmounted. */
export function Link({ connection }: { connection: Connection }) {
  const [listeners, setListeners] = useState<number | null>(null);
  // In an effect, because the list that leaves takes its listener off in one.
  useEffect(() => setListeners(socket.listeners("appointmnents.finished").length), []);

  const facts = [
    ["Estado", STATES[connection.state]],
    ["Transporte", connection.transport ?? "–"],
    ["Conexões desde que a página abriu", connection.connects],
    ["Última volta", comeBack(connection.recovered)],
    ["Ouvintes de appointmnents.finished", listeners],
  ];
  return (
    <>
      <div className="panel__list link" id="link" tabIndex={0} role="region" aria-label="Conexão">
        <dl className="about__facts">
          {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
        </dl>
        <p>
          A lista está fora da tela: o componente saiu com <code>socket.off</code>, e os avisos que chegam agora não mudam nada
          aqui. Quando ela volta, é buscada de novo.
        </p>
      </div>
      <footer className="panel__foot">
        <p className="last">O cliente volta sozinho e recebe o que perdeu.</p>
        <button className="button last__again" type="button" onClick={() => socket.io.engine.close()}>Derrubar a conexão</button>
      </footer>
    </>
  );
}

function comeBack(recovered: boolean | null) {
  if (recovered === null) return "ainda nenhuma";
  return recovered ? "recuperada: os avisos perdidos chegaram" : "não recuperada: a lista precisa ser buscada de novo";
}
