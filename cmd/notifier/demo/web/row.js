import { fromTemplate, inMilliseconds, part, setText } from "./element.js";

/** What the button on the right does, by the status a row is in. */
const NEXT = {
  AGENDADO: { to: "CHECKIN", label: "Chegada", doing: "Registrando…" },
  CHECKIN: { to: "EM_ATENDIMENTO", label: "Iniciar", doing: "Iniciando…" },
  EM_ATENDIMENTO: { to: "FINALIZADO", label: "Finalizar", doing: "Finalizando…" },
};
const CANCELLING = "Cancelando…";
const LATE = "Aguardando o aviso…";
const CONFIRM_FOR = 4_000;
const PATIENCE = 1_500; // after which a row says that it waits for the event
const STAY = 900; // how long a row shows why it goes
const FOLD = 320;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** One line of the list: what it shows, and what its buttons ask for. */
export class Row {
  element = fromTemplate("row-template");
  #data = null;
  #doctorFree = true;
  #pending = null; // the status asked for, until the row changes or leaves
  #asking = null; // the timer while "Cancelar" asks for a second press
  #patience = null; // the timer after which the event counts as late
  #late = false;
  #ask;

  /** ask(id, status) is called for a press and returns a promise of its acceptance. */
  constructor(ask) {
    this.#ask = ask;
    part(this.element, "next").addEventListener("click", () => this.#press(NEXT[this.#data.status.code].to));
    part(this.element, "cancel").addEventListener("click", () => this.#cancel());
  }

  get leaving() {
    return this.element.classList.contains("row--leaving");
  }

  show(data, doctorFree) {
    const moved = this.#data !== null && this.#data.status.code !== data.status.code;
    if (moved) {
      this.#settle();
      this.#flash();
    }
    this.#data = data;
    this.#doctorFree = doctorFree;
    this.element.dataset.id = data.id;
    setText(part(this.element, "time"), data.startTime);
    setText(part(this.element, "patient"), data.patient.name);
    setText(part(this.element, "doctor"), data.doctor.name);
    setText(part(this.element, "procedures"), data.procedures.join(", "));
    part(this.element, "meta").title = `${data.doctor.name} · ${data.procedures.join(", ")}`; // where it is cut short
    const badge = part(this.element, "badge");
    badge.dataset.status = data.status.code;
    setText(badge, data.status.name);
    this.#showButtons();
  }

  /** Says why the row goes and how long the event took, then folds it away. */
  async leave(status, took) {
    this.#stopTimers();
    this.element.classList.add("row--leaving");
    this.element.dataset.end = status.code;
    const gone = part(this.element, "gone");
    const words = [status.name];
    gone.hidden = false;
    gone.textContent = words[0];
    part(this.element, "acts").hidden = true;
    part(this.element, "badge").hidden = true;
    const milliseconds = await took;
    if (milliseconds !== null) {
      const speed = document.createElement("span");
      speed.className = "row__took";
      speed.textContent = inMilliseconds(milliseconds);
      gone.append(" ", speed);
    }
    await pause(STAY);
    await this.#fold();
    this.element.remove();
  }

  /** Removes the row at once, without a word. */
  drop() {
    this.#stopTimers();
    this.element.remove();
  }

  appear() {
    if (!calm.matches) this.element.animate([{ opacity: 0, transform: "translateY(-6px)" }, { opacity: 1, transform: "none" }], { duration: 260, easing: "ease-out" });
  }

  focus() {
    part(this.element, "next").focus({ preventScroll: true });
  }

  #showButtons() {
    const next = part(this.element, "next");
    const cancel = part(this.element, "cancel");
    const { code } = this.#data.status;
    const step = NEXT[code];
    const blocked = code === "CHECKIN" && !this.#doctorFree;
    const pending = this.#pending;
    setText(next, pending !== step.to ? step.label : this.#late ? LATE : step.doing);
    next.classList.toggle("button--main", code === "EM_ATENDIMENTO");
    // aria-disabled and not disabled: a focused button must not lose its focus.
    next.ariaDisabled = String(blocked || pending !== null);
    next.title = blocked ? `${this.#data.doctor.name} está com outra pessoa` : "";
    next.ariaLabel = `${next.textContent}: ${this.#data.patient.name}`;
    cancel.hidden = code === "EM_ATENDIMENTO";
    cancel.ariaDisabled = String(pending !== null);
    cancel.classList.toggle("button--sure", this.#asking !== null);
    if (pending === "CANCELADO") setText(cancel, this.#late ? LATE : CANCELLING);
    else setText(cancel, this.#asking === null ? "Cancelar" : "Confirmar?");
    cancel.ariaLabel = `${this.#asking === null ? cancel.textContent : "Confirmar o cancelamento"}: ${this.#data.patient.name}`;
    this.element.classList.toggle("row--pending", pending !== null);
  }

  #cancel() {
    if (this.#pending !== null) return;
    if (this.#asking === null) {
      this.#asking = setTimeout(() => this.#stopAsking(), CONFIRM_FOR);
      this.#showButtons();
      return;
    }
    this.#stopAsking();
    this.#press("CANCELADO");
  }

  #stopAsking() {
    clearTimeout(this.#asking);
    this.#asking = null;
    this.#showButtons();
  }

  // The row stays as it is, only marked: what it becomes is told by the clinic
  // or by the event, never assumed.
  async #press(status) {
    const button = part(this.element, status === "CANCELADO" ? "cancel" : "next");
    if (button.ariaDisabled === "true" || this.leaving) return;
    this.#pending = status;
    this.#showButtons();
    if (!(await this.#ask(this.#data.id, status))) {
      this.#settle();
      this.#showButtons();
      return;
    }
    if (this.leaving || this.#pending !== status) return;
    this.#patience = setTimeout(() => {
      this.#late = true;
      this.#showButtons();
    }, PATIENCE);
  }

  #settle() {
    this.#pending = null;
    this.#late = false;
    this.#stopTimers();
    this.#asking = null;
  }

  #stopTimers() {
    clearTimeout(this.#asking);
    clearTimeout(this.#patience);
  }

  #flash() {
    if (!calm.matches) this.element.firstElementChild.animate([{ backgroundColor: "#d9f2ec" }, { backgroundColor: "transparent" }], { duration: 1_200, easing: "ease-out" });
  }

  async #fold() {
    if (calm.matches || document.hidden) return;
    const height = `${this.element.offsetHeight}px`;
    this.element.style.overflow = "hidden";
    await this.element
      .animate([{ height, opacity: 1 }, { height: "0px", opacity: 0 }], { duration: FOLD, easing: "ease-in-out", fill: "forwards" })
      .finished.catch(() => {});
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
