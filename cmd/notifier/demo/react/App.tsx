import { useEffect, useState } from "react";
import { getClinic } from "../web/api.js";
import { Link } from "./Link";
import { List } from "./List";
import { account } from "./socket";
import { Banner, State } from "./State";
import { useConnection } from "./useConnection";

const AGAIN = 2_000;
const VIEWS = [["list", "Lista de espera"], ["link", "Conexão"]] as const;

interface Account {
  id: number;
  name: string;
}

/** The page: whose list it is, and one of two views of it. */
export function App() {
  const accounts = useAccounts();
  const own = accounts?.find(({ id }) => id === account);
  if (accounts === null) return <p className="lists__loading">Abrindo a recepção…</p>;
  if (own === undefined) return <p className="lists__loading">Não existe esta conta.</p>;
  return <Reception own={own} others={accounts.filter((other) => other !== own)} />;
}

function Reception({ own, others }: { own: Account; others: Account[] }) {
  const connection = useConnection();
  const [view, setView] = useState<"list" | "link">("list");
  return (
    <>
      <a className="skip" href={`#${view}`}>Ir para o conteúdo</a>
      <header className="top">
        <div className="brand">
          <img className="brand__mark" src="/icon.svg" alt="" width="38" height="38" />
          <div>
            <h1 className="brand__name">Recepção</h1>
            <p className="brand__day">React e socket.io-client</p>
          </div>
        </div>
        <nav className="views" aria-label="Vistas">
          {VIEWS.map(([name, title]) => (
            <button className="view" type="button" aria-pressed={view === name} onClick={() => setView(name)} key={name}>{title}</button>
          ))}
        </nav>
      </header>

      <main className="lists">
        <section className="panel panel--front panel--react" aria-label={own.name}>
          <header className="panel__head">
            <div className="panel__title">
              <h2 className="panel__name">{own.name}</h2>
              <p className="panel__sum">{VIEWS.find(([name]) => name === view)![1]}</p>
            </div>
            <State connection={connection} />
          </header>
          {view === "list" ? <List /> : <Link connection={connection} />}
          <Banner connection={connection} />
        </section>
      </main>

      <footer className="foot">
        <p>A lista é pedida uma vez; depois, quem foi atendido ou cancelado sai pelo aviso. Chegadas e horários novos aparecem em “Atualizar”.</p>
        <div className="foot__links">
          <a href={`/?account=${own.id}`} target="_blank" rel="noopener">A mesma lista sem bibliotecas</a>
          {others.map(({ id, name }) => <a href={`/react/?account=${id}`} target="_blank" rel="noopener" key={id}>{name}</a>)}
        </div>
      </footer>
    </>
  );
}

/** The clinic's accounts, asked for until it answers; null until then. */
function useAccounts(): Account[] | null {
  const [accounts, setAccounts] = useState<Account[] | null>(null);
  useEffect(() => {
    let timer: number | undefined;
    let gone = false;
    const ask = () => {
      getClinic().then(
        (clinic: { accounts: Account[] }) => gone || setAccounts(clinic.accounts),
        () => { if (!gone) timer = window.setTimeout(ask, AGAIN); },
      );
    };
    ask();
    return () => {
      gone = true;
      window.clearTimeout(timer);
    };
  }, []);
  return accounts;
}
