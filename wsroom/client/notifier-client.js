// notifier-client: a connection to notifier's plain protocol (/ws), for browsers and Node. It keeps the cursor, comes back by itself, renews its
// token in place, and says when a screen has to fetch its list. README.md is for those who use it.

const PROTOCOL = "notifier.v1";
const WELCOME_WITHIN = 15_000; // from asking for the token to the welcome; the server's own patience with a token is 10 s
const HEALTHY_AFTER = 10_000; // a connection that lasted this long makes the backoff begin anew
const LATER = 2_000; // the least wait after "come back later"
const QUIET_FOR = 30_000; // without a frame, a window that is looked at again asks whether the link still works
const ALIVE_WITHIN = 5_000; // and this is how long the answer may take
const REMEMBERED = 1_000; // ids of events, so that none is handed out twice

/** What to do after a close. Every other code is a link that was lost: come back with the cursor. */
const STOP = new Set([1002, 1008, 1009, 4403]);
const COME_LATER = new Set([1013, 4429]);
const NEW_TOKEN = 4401;

/** Opens a connection that lives until close(). It throws for what can never work: no URL, no token, no WebSocket. */
export function connect(options) {
  return new Client(options);
}

class Client {
  #url;
  #token;
  #WebSocket;
  #storage;
  #key;
  #firstDelay;
  #longestDelay;

  #handlers = new Map(); // name → Set
  #status = { state: "stopped" };
  #socket = null; // the current one: what others still say is not listened to
  #attempt = 0; // counts connections, so that a token that comes late finds itself late
  #failures = 0;
  #timer = null; // until the next attempt, or until the current one has taken too long
  #probe = null; // until the link counts as dead
  #heard = 0; // when the last frame came
  #cursor;
  #seen = new Set();
  #unlisten = [];

  constructor({ url, token, cursor = null, storage = null, storageKey, WebSocket = globalThis.WebSocket, firstDelay = 1_000, longestDelay = 30_000 }) {
    if (typeof token !== "string" && typeof token !== "function") throw new TypeError("token: a string, or a function that returns one");
    if (typeof WebSocket !== "function") throw new TypeError("WebSocket: this platform has none; pass one, such as that of the package ws");
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace(/^http/, "ws");
    this.#token = token;
    this.#WebSocket = WebSocket;
    this.#storage = storage;
    this.#key = storageKey ?? `notifier:${this.#url.href}`;
    this.#firstDelay = firstDelay;
    this.#longestDelay = longestDelay;
    this.#cursor = cursor ?? this.#stored();
    this.#listen(globalThis, "online", () => this.#wake(0));
    this.#listen(globalThis.document, "visibilitychange", () => document.hidden || this.#wake(QUIET_FOR));
    queueMicrotask(() => this.#attempt === 0 && this.#begin()); // after the caller has said what it listens to
  }

  /** The status as of now; see on("status"). */
  get status() {
    return this.#status;
  }

  /** Where the stream goes on at the next connection: the position of the last event that handlers have had, or later. */
  get cursor() {
    return this.#cursor;
  }

  /**
   * Calls handler(data, {id, event}) for events of this name, or of any name: "*". Two names are the client's own: "status", with
   * {state, …} at each change, and "refetch", when the list has to be fetched because what was missed will not come. Returns a function
   * that takes the handler off again.
   */
  on(name, handler) {
    if (!this.#handlers.has(name)) this.#handlers.set(name, new Set());
    this.#handlers.get(name).add(handler);
    return () => this.off(name, handler);
  }

  off(name, handler) {
    this.#handlers.get(name)?.delete(handler);
  }

  /** Connects anew at once, whatever the status was: also after a stop. */
  reconnect() {
    this.#failures = 0;
    this.#abandon();
    this.#begin();
  }

  /** Ends it for good. No handler is called any more, but for a last status. */
  close() {
    for (const stop of this.#unlisten.splice(0)) stop();
    this.#stop({ code: 1000, reason: "closed" });
  }

  async #begin() {
    const attempt = ++this.#attempt;
    this.#tell({ state: "connecting" });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost({ reason: "timeout" }), WELCOME_WITHIN);
    let token;
    try {
      token = await this.#ask();
    } catch {
      if (attempt === this.#attempt) this.#lost({ reason: "token" });
      return;
    }
    if (attempt === this.#attempt) this.#open(token);
  }

  #open(token) {
    const url = new URL(this.#url);
    if (this.#cursor !== null) url.searchParams.set("cursor", this.#cursor);
    let socket;
    try {
      socket = new this.#WebSocket(url.href, [PROTOCOL, `bearer.${token}`]);
    } catch { // characters that no token has
      this.#stop({ reason: "token" });
      return;
    }
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#socket === socket && this.#receive(JSON.parse(data)));
    socket.addEventListener("close", ({ code, reason }) => this.#socket === socket && this.#closed(code, reason));
    socket.addEventListener("error", () => {}); // a close follows
  }

  #receive(frame) {
    this.#heard = Date.now();
    this.#alive();
    switch (frame.type) {
      case "welcome":
        this.#welcome(frame);
        break;
      case "event":
        this.#event(frame);
        break;
      case "cursor":
        this.#keep(frame.cursor);
        break;
      case "expiring":
        if (typeof this.#token === "function") this.#renew().catch(() => {}); // else the end closes with 4401, and the next connection asks again
        break;
    }
  }

  #welcome({ accountId, cursor, recovered, expiresAt }) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#failures = 0), HEALTHY_AFTER);
    this.#keep(cursor);
    this.#tell({ state: "online", accountId, recovered, expiresAt });
    if (!recovered) this.#call("refetch", { accountId, cursor });
  }

  #event({ id, event, data }) {
    const known = this.#seen.has(id);
    if (!known) {
      this.#seen.add(id);
      if (this.#seen.size > REMEMBERED) this.#seen.delete(this.#seen.values().next().value);
      if (event !== "status" && event !== "refetch" && event !== "*") this.#call(event, data, { id, event });
      this.#call("*", data, { id, event });
    }
    this.#keep(id); // after the screen has it
  }

  async #renew() {
    const socket = this.#socket;
    const token = await this.#ask();
    if (this.#socket === socket && socket?.readyState === 1) socket.send(JSON.stringify({ type: "auth", token }));
  }

  async #ask() {
    return typeof this.#token === "function" ? this.#token() : this.#token;
  }

  #closed(code, reason) {
    const why = { code, reason };
    if (STOP.has(code) || (code === NEW_TOKEN && typeof this.#token === "string")) this.#stop(why);
    else this.#lost(why, COME_LATER.has(code) ? LATER : 0);
  }

  // Full jitter: screens that were cut together come back apart.
  #lost(why, atLeast = 0) {
    this.#abandon();
    const ceiling = Math.min(this.#longestDelay, this.#firstDelay * 2 ** this.#failures++);
    const wait = atLeast + Math.random() * ceiling;
    this.#timer = setTimeout(() => this.#begin(), wait);
    this.#tell({ state: "waiting", ...why, wait });
  }

  #stop(why) {
    this.#abandon();
    this.#tell({ state: "stopped", ...why });
  }

  // A dead link's closing handshake takes minutes: nobody waits for it.
  #abandon() {
    const socket = this.#socket;
    this.#socket = null;
    this.#attempt++;
    clearTimeout(this.#timer);
    this.#alive();
    socket?.close();
  }

  // The network is back, or somebody looks: a wait is cut short, and a link that may have died unnoticed is asked, by a renewal, whether it works.
  #wake(quiet) {
    const { state } = this.#status;
    if (state === "waiting") this.reconnect();
    if (state !== "online" || this.#probe !== null || Date.now() - this.#heard < quiet) return;
    this.#probe = setTimeout(() => this.reconnect(), ALIVE_WITHIN);
    this.#renew().catch(() => this.#alive()); // without a token nothing was asked
  }

  #alive() {
    clearTimeout(this.#probe);
    this.#probe = null;
  }

  #keep(cursor) {
    this.#cursor = cursor;
    try {
      this.#storage?.setItem(this.#key, cursor);
    } catch {} // full or forbidden: the cursor is kept in memory
  }

  #stored() {
    try {
      return this.#storage?.getItem(this.#key) ?? null;
    } catch {
      return null;
    }
  }

  #listen(target, name, handler) {
    if (typeof target?.addEventListener !== "function") return; // Node
    target.addEventListener(name, handler);
    this.#unlisten.push(() => target.removeEventListener(name, handler));
  }

  #tell(status) {
    this.#status = status;
    this.#call("status", status);
  }

  // A handler that throws is reported as any uncaught error, and keeps nothing from the others.
  #call(name, ...args) {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) {
      try {
        handler(...args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
