import type { Appointment } from "./appointment";
import { Row } from "./Row";

const GROUPS = [
  { code: "EM_ATENDIMENTO", name: "Em atendimento", empty: "Ninguém em atendimento." },
  { code: "CHECKIN", name: "Na recepção", empty: "Ninguém esperando na recepção." },
  { code: "AGENDADO", name: "Próximos horários", empty: "Nenhum horário marcado." },
];

interface Props {
  appointments: Appointment[];
  onAsk: (id: number, status: string) => Promise<boolean>;
}

export function Groups({ appointments, onAsk }: Props) {
  return GROUPS.map(({ code, name, empty }) => {
    const rows = appointments.filter((apt) => apt.status.code === code);
    return (
      <section className={rows.length > 0 ? "group" : "group group--empty"} key={code}>
        <h3 className="group__name">{name} <span className="group__count">{rows.length}</span></h3>
        <ol className="rows">
          {rows.map((apt) => <Row appointment={apt} onAsk={onAsk} key={apt.id} />)}
        </ol>
        <p className="group__empty">{empty}</p>
      </section>
    );
  });
}
