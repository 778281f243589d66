// A clock and a network of the test's own: time passes when the test says so, and sockets do what it tells them.

/** Replaces the platform's timers until restore(). Microtasks are let run between two timers. */
export class Clock {
  now = 1_000_000;
  #timers = new Map();
  #next = 1;
  #kept = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: Date.now, random: Math.random };

  constructor() {
    globalThis.setTimeout = (run, wait = 0) => (this.#timers.set(this.#next, { at: this.now + wait, run }), this.#next++);
    globalThis.clearTimeout = (id) => this.#timers.delete(id);
    Date.now = () => this.now;
    Math.random = () => 0.999999;
  }

  restore() {
    Object.assign(globalThis, { setTimeout: this.#kept.setTimeout, clearTimeout: this.#kept.clearTimeout });
    Object.assign(Date, { now: this.#kept.now });
    Math.random = this.#kept.random;
  }

  get pending() {
    return this.#timers.size;
  }

  async pass(milliseconds) {
    const until = this.now + milliseconds;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= until).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.now = due[1].at;
      due[1].run();
      await settle();
    }
    this.now = until;
  }
}

export async function settle() {
  for (let i = 0; i < 20; i++) await null;
}

/** Sockets that are not connected to anything; `made` are all of them. */
export function network() {
  const made = [];
  class WebSocket extends EventTarget {
    readyState = 1;
    sent = [];
    closed = false;
    constructor(url, protocols) {
      super();
      const { pathname, searchParams } = new URL(url);
      Object.assign(this, { url, pathname, cursor: searchParams.get("cursor"), protocols });
      made.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close() {
      this.closed = true;
    }
    get(frame) {
      this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(frame) }));
    }
    end(code, reason = "") {
      this.readyState = 3;
      this.dispatchEvent(Object.assign(new Event("close"), { code, reason }));
    }
  }
  return { WebSocket, made };
}
