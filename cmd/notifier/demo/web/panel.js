import { getToken, getWaiting, setStatus } from "./api.js";
import { local } from "./clock.js";
import { Doctors } from "./doctors.js";
import { fromTemplate, inMilliseconds, part, setText } from "./element.js";
import { Latency, nextFrame } from "./latency.js";
import { connect } from "./notifier-client.js";
import { Rows } from "./rows.js";
import { DoctorStates, WaitingList } from "./waiting.js";

// A look now and then finds what is no event: new bookings, the day's totals,
// the switch.
const LOOK_EVERY = 2_500;
const LOOK_EVERY_HIDDEN = 20_000;
const BANNER_FOR = 5_000;

const DELAYS = { firstDelay: 250, longestDelay: 5_000 }; // a demo's windows are few
const STOPPED = {
  4403: "O notifier recusou esta janela. Abra a página pelo endereço da clínica.",
  1008: "O notifier encerrou a conexão por uma mensagem inesperada.",
  1009: "O notifier encerrou a conexão por uma mensagem grande demais.",
};

/**
 * One account: its list, its doctors and its connection. Dispatches "looked"
 * (detail the API's answer), "failed" (detail a sentence), "ended" (detail
 * {name, status}) and "about".
 */
export class Panel extends EventTarget {
  element = fromTemplate("panel-template");
  latency = new Latency();
  #account;
  #codes; // of statuses, by their id in the event's data
  #clock;
  #client = null;
  #path;
  #list = new WaitingList();
  #states = new DoctorStates();
  #rows;
  #doctors;
  #totals = null; // of the day; null before the first answer
  #looking = false;
  #again = null; // a look asked for while one is under way: {whole}
  #welcomedAt = null; // by this window's clock
  #caughtUp = null; // events recovered since the welcome
  #bannerTimer = null;

  /** clinic is the answer of /api/clinic; account is one of its accounts. */
  constructor(account, clinic, clock) {
    super();
    this.#account = account;
    this.#codes = new Map(clinic.statuses.map(({ id, code }) => [id, code]));
    this.#clock = clock;
    this.#doctors = new Doctors(part(this.element, "doctors"));
    this.#rows = new Rows(this.element, (id, status) => this.#ask(id, status));
    this.#path = clinic.webSocketPath;
    this.#label();
  }

  start() {
    this.#client = connect({ url: this.#path, token: () => getToken(this.#account.id), ...DELAYS });
    this.#listen();
    this.#look(true); // the stream may be away
    const tick = () => {
      this.#look(false);
      setTimeout(tick, document.hidden ? LOOK_EVERY_HIDDEN : LOOK_EVERY);
    };
    setTimeout(tick, LOOK_EVERY);
    document.addEventListener("visibilitychange", () => document.hidden || this.#look(false));
  }

  #label() {
    const { id, name } = this.#account;
    this.element.id = `account-${id}`;
    this.element.dataset.account = id;
    this.element.setAttribute("aria-label", name);
    setText(part(this.element, "name"), name);
    part(this.element, "scroll").setAttribute("aria-label", `Lista de espera, ${name}`);
    const open = part(this.element, "open");
    open.href = `/?account=${id}`;
    open.ariaLabel = open.title = `Abrir ${name} em outra janela`;
    open.addEventListener("click", openWindow);
  }

  #listen() {
    this.#client.on("status", (status) => this.#showState(status));
    this.#client.on("refetch", () => this.#look(true));
    this.#client.on("appointmnents.finished", (data) => this.#end(data));
    this.#client.on("appointments.checkin", (data) => this.#change(data));
    this.#client.on("appointments.serving", (data) => this.#change(data));
    this.#client.on("doctors.busy", (data) => {
      this.#states.hear(data, local());
      this.#render();
    });
    part(this.element, "retry").addEventListener("click", () => this.#client.reconnect());
    part(this.element, "about").addEventListener("click", () => this.dispatchEvent(new Event("about")));
  }

  #change(data) {
    const received = local();
    if (data.status === undefined) {
      this.#end(data); // gone
      return;
    }
    this.#list.change(data, this.#codes.get(data.status.id), received);
    this.#render();
    this.#measure(Date.parse(data.updatedAt), received);
  }

  #end(data) {
    const received = local();
    const commit = data.updatedAt === undefined ? null : Date.parse(data.updatedAt);
    const row = this.#list.end(data);
    if (row !== null) {
      const status = {
        code: this.#codes.get(data.status?.id) ?? "CANCELADO",
        name: data.status?.name ?? "Encerrado",
      };
      if (status.code === "FINALIZADO" && this.#totals !== null) this.#totals.finished++; // until the next look
      this.#rows.leave(row.id, status, this.#measure(commit, received));
      this.dispatchEvent(new CustomEvent("ended", { detail: { name: row.patient.name, status: status.name } }));
    }
    this.#render();
  }

  /** Resolves with the time from COMMIT to screen, or null where none can be told. */
  async #measure(commit, received) {
    if (commit === null || this.#clock.offset === null) return null;
    // The stamp is rounded down to a millisecond, and the correction has an error.
    if (commit < this.#clock.of(this.#welcomedAt) - this.#clock.error - 1) {
      if (this.#caughtUp !== null) this.#noteCaughtUp();
      return null;
    }
    if (!(await nextFrame())) return null;
    const shown = this.#clock.of(local()) - commit;
    this.latency.add(this.#clock.of(received) - commit, shown);
    this.#showLatency();
    return shown;
  }

  #noteCaughtUp() {
    this.#caughtUp++;
    const count = this.#caughtUp;
    this.#banner(count === 1 ? "De volta: 1 aviso recuperado." : `De volta: ${count} avisos recuperados.`, "back");
  }

  async #ask(id, status) {
    try {
      await setStatus(this.#account.id, id, status);
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: error.message }));
      return false;
    }
    return true;
  }

  /** Asks the clinic; whole says that its answer is the truth where the stream begins. */
  async #look(whole) {
    if (this.#looking) {
      this.#again = { whole: whole || (this.#again?.whole ?? false) };
      return;
    }
    this.#looking = true;
    const asked = local();
    try {
      const answer = await getWaiting(this.#account.id);
      for (const id of this.#list.take(answer.appointments, whole, asked)) this.#rows.drop(id);
      this.#states.take(answer.doctors, whole, asked);
      this.#totals = answer.totals;
      this.#render();
      this.dispatchEvent(new CustomEvent("looked", { detail: answer }));
    } catch {
      if (whole) this.#again = { whole }; // the truth is still owed
      await pause(1_000);
    }
    this.#looking = false;
    const again = this.#again;
    this.#again = null;
    if (again) this.#look(again.whole);
  }

  #render() {
    if (this.#totals === null) return;
    const doctors = this.#states.all;
    const serving = this.#list.in("EM_ATENDIMENTO");
    this.#doctors.show(doctors, serving);
    this.#rows.show(this.#list, doctors);
    const free = doctors.filter((doctor) => !doctor.isBusy).length;
    setText(part(this.element, "doctors-title"), `Médicos · ${free} de ${doctors.length} livres`);
    const waiting = this.#list.in("CHECKIN").length;
    setText(part(this.element, "sum"), `${waiting} esperando · ${this.#totals.finished} atendidos hoje`);
  }

  #showState({ state, code, recovered }) {
    if (state === "online") {
      this.#welcomedAt = local();
      this.#caughtUp = recovered ? 0 : null;
    }
    const pill = part(this.element, "state");
    const before = pill.dataset.state;
    const lost = this.#welcomedAt !== null && state !== "online" && state !== "stopped";
    pill.dataset.state = lost ? "lost" : state;
    const words = { connecting: "conectando…", online: "conectado", waiting: "conectando…", stopped: "desligado" };
    setText(part(this.element, "state-text"), lost ? "reconectando…" : words[state]);
    part(this.element, "retry").hidden = state !== "stopped";
    if (state === "stopped") this.#banner(STOPPED[code] ?? "O notifier encerrou a conexão.", "stopped");
    else if (lost || state === "waiting") this.#banner("Sem os avisos por enquanto: a lista pode estar atrasada.", "lost");
    else if (state === "online" && before === "lost") this.#banner("Conexão de volta.", "back");
    else if (state === "online") part(this.element, "banner").hidden = true;
  }

  #banner(text, kind) {
    const banner = part(this.element, "banner");
    banner.hidden = false;
    banner.dataset.kind = kind;
    setText(part(this.element, "banner-text"), text);
    clearTimeout(this.#bannerTimer);
    if (kind === "back") this.#bannerTimer = setTimeout(() => (banner.hidden = true), BANNER_FOR);
  }

  #showLatency() {
    setText(part(this.element, "last"), inMilliseconds(this.latency.last));
    setText(part(this.element, "median"), inMilliseconds(this.latency.medianShown()));
    const { count } = this.latency;
    setText(part(this.element, "count"), count === 1 ? "1 aviso" : `${count.toLocaleString("pt-BR")} avisos`);
    this.latency.draw(part(this.element, "bars"));
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Opens a link as a window of its own, so that several can lie side by side; a tab where that is refused. */
export function openWindow(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || innerWidth < 700) return;
  if (window.open(event.currentTarget.href, "_blank", "popup,width=640,height=860") !== null) event.preventDefault();
}
