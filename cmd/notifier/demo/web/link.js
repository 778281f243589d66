// A connection to notifier's plain protocol: it keeps the cursor, comes back by
// itself, and renews its token in place.

const PROTOCOL = "notifier.v1";
const FIRST_DELAY = 250;
const LONGEST_DELAY = 5_000;
const LATER_DELAY = 2_000; // the least after "come back later"
const HEALTHY_AFTER = 10_000;

/** Closes after which coming back by itself would be wrong, and what to tell. */
const FINAL = new Map([
  [4403, "O notifier recusou esta janela. Abra a página pelo endereço da clínica."],
  [1008, "O notifier encerrou a conexão por uma mensagem inesperada."],
  [1009, "O notifier encerrou a conexão por uma mensagem grande demais."],
]);
const LATER = new Set([4429, 1013]);

/**
 * Dispatches "state" (detail {state, reason}), "welcome" (detail the frame) and
 * "event" (detail the frame). States: connecting, online, waiting, stopped.
 */
export class Link extends EventTarget {
  #path;
  #token;
  #socket = null;
  #timer = null;
  #failures = 0;
  #cursor = null;
  #stopped = true;

  /** token is a function that returns a promise of a fresh token. */
  constructor(path, token) {
    super();
    this.#path = path;
    this.#token = token;
    window.addEventListener("online", () => this.#hurry());
  }

  start() {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#failures = 0;
    this.#connect();
  }

  async #connect() {
    this.#timer = null;
    this.#tell("connecting");
    let token;
    try {
      token = await this.#token();
    } catch {
      this.#comeBack(0);
      return;
    }
    const url = new URL(this.#path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (this.#cursor !== null) url.searchParams.set("cursor", this.#cursor);
    const socket = new WebSocket(url, [PROTOCOL, `bearer.${token}`]);
    let welcomed = null;
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === "welcome") welcomed = performance.now();
      this.#receive(frame);
    });
    socket.addEventListener("close", ({ code }) => {
      this.#socket = null;
      if (welcomed !== null && performance.now() - welcomed > HEALTHY_AFTER) this.#failures = 0;
      if (FINAL.has(code)) {
        this.#stopped = true;
        this.#tell("stopped", FINAL.get(code));
      } else {
        this.#comeBack(LATER.has(code) ? LATER_DELAY : 0);
      }
    });
    this.#socket = socket;
  }

  #receive(frame) {
    switch (frame.type) {
      case "welcome":
        this.#cursor = frame.cursor;
        this.#tell("online");
        this.dispatchEvent(new CustomEvent("welcome", { detail: frame }));
        break;
      case "event":
        this.dispatchEvent(new CustomEvent("event", { detail: frame }));
        this.#cursor = frame.id; // after the screen has it
        break;
      case "cursor":
        this.#cursor = frame.cursor;
        break;
      case "expiring":
        this.#renew(this.#socket);
        break;
    }
  }

  // A renewal that fails costs nothing yet: the token's end closes with 4401,
  // and the next connection brings a new token.
  async #renew(socket) {
    const token = await this.#token().catch(() => null);
    if (token !== null && socket.readyState === WebSocket.OPEN) {
      socket.send(JSON.stringify({ type: "auth", token }));
    }
  }

  // Full jitter: windows that were cut together come back apart.
  #comeBack(atLeast) {
    const ceiling = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#failures);
    this.#failures++;
    this.#tell("waiting");
    this.#timer = setTimeout(() => this.#connect(), atLeast + Math.random() * ceiling);
  }

  #hurry() {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  #tell(state, reason = null) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, reason } }));
  }
}
