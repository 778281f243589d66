import { type MouseEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Appointment } from "./appointment";

const PATIENCE = 1_500; // after which a row says that it waits for the event
const CONFIRM_FOR = 4_000;

interface Props {
  appointment: Appointment;
  /** Asks the clinic for another status; resolves with whether it agreed. */
  onAsk: (id: number, status: string) => Promise<boolean>;
}

export function Row({ appointment, onAsk }: Props) {
  const [step, setStep] = useState<"idle" | "sure?" | "asked" | "late">("idle");
  const element = useRef<HTMLLIElement>(null);
  const serving = appointment.status.code === "EM_ATENDIMENTO";
  const procedures = appointment.procedures.join(", ");

  // A row that leaves with the focus in it gives the focus to the list.
  useLayoutEffect(() => {
    const row = element.current!;
    const list = row.closest<HTMLElement>(".panel__list")!;
    return () => {
      if (row.contains(document.activeElement)) list.focus({ preventScroll: true });
    };
  }, []);

  useEffect(() => {
    if (step !== "asked" && step !== "sure?") return;
    const timer = window.setTimeout(() => setStep(step === "asked" ? "late" : "idle"), step === "asked" ? PATIENCE : CONFIRM_FOR);
    return () => window.clearTimeout(timer);
  }, [step]);

  async function press(event: MouseEvent) {
    // The second press of a double click may already be on the row that moved up.
    if (event.detail > 1 || step === "asked" || step === "late") return;
    if (!serving && step === "idle") {
      setStep("sure?");
      return;
    }
    setStep("asked");
    if (!(await onAsk(appointment.id, serving ? "FINALIZADO" : "CANCELADO"))) setStep("idle");
  }

  const label = {
    idle: serving ? "Finalizar" : "Cancelar",
    "sure?": "Confirmar?",
    asked: serving ? "Finalizando…" : "Cancelando…",
    late: "Aguardando o aviso…",
  }[step];
  const look = serving ? "button--main" : step === "sure?" ? "button--sure" : "button--quiet";

  return (
    <li className="row" data-id={appointment.id} ref={element}>
      <div className="row__in">
        <span className="row__time">{appointment.startTime}</span>
        <div className="row__who">
          <p className="row__name">{appointment.patient.name}</p>
          <p className="row__meta" title={`${appointment.doctor.name} · ${procedures}`}>
            <span>{appointment.doctor.name}</span>
            <span className="row__what">{procedures}</span>
          </p>
        </div>
        <span className="badge" data-status={appointment.status.code}>{appointment.status.name}</span>
        <div className="row__acts">
          {/* aria-disabled and not disabled: a focused button must not lose its focus. */}
          <button
            className={`button ${look}`}
            type="button"
            aria-disabled={step === "asked" || step === "late"}
            aria-label={`${step === "sure?" ? "Confirmar o cancelamento" : label}: ${appointment.patient.name}`}
            onClick={press}
          >
            {label}
          </button>
        </div>
      </div>
    </li>
  );
}
