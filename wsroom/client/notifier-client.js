// notifier-client: a connection to notifier's plain protocol (/ws), for browsers and Node. It keeps the cursor, comes back by itself, renews its
// token in place, and says when a screen has to fetch its list. README.md is for those who use it.

const PROTOCOL = "notifier.v1";
const WELCOME_WITHIN = 15_000; // from asking for the token to the welcome; the server's own patience with a token is 10 s
const HEALTHY_AFTER = 10_000; // a connection that lasted this long makes the backoff begin anew
const LATER = 2_000; // the least wait after "come back later"
const HANGING_AFTER = 2_000; // an attempt of this age is given up when the network comes back
const APART = 1_000; // what one room hears at once, its screens do within this time
const QUIET_FOR = 60_000; // without a frame: then the client asks, by a renewal, whether the link still works
const QUIET_UNSEEN = 30_000; // the same, for a window that is looked at again
const ALIVE_WITHIN = 5_000; // how long the answer may take, and the least time between two questions of a window
const REMEMBERED = 1_000; // ids of events, so that none is handed out twice

/** What to do after a close. Every other code is a link that was lost: come back with the cursor. */
const STOP = new Set([1002, 1008, 1009, 4403]);
const COME_LATER = new Set([1013, 4429]);
const NEW_TOKEN = 4401;
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/; // what a subprotocol may hold; an error page is no token

/** Opens a connection that lives until close(). It throws for what can never work: no URL, no token, no WebSocket. */
export function connect(options) {
  return new Client(options);
}

class Client {
  #options;
  #url;
  #key;

  #handlers = new Map(); // name → Set
  #status = { state: "stopped" };
  #socket = null; // the current one: what others still say is not listened to
  #closes = 0; // counts close(), after which no handler is called
  #attempt = 0; // counts connections, so that a token that comes late finds itself late
  #begun = 0; // when the current attempt began
  #due = 0; // when the next one does
  #soonest = 0; // and when it may: the server has asked for a pause
  #failures = 0;
  #timer = null; // until the next attempt, or until the current one has taken too long
  #probe = null; // until the link counts as dead
  #quiet = null; // until the link is asked whether it still works
  #heard = 0; // when the last frame came
  #asks = 0; // counts questions for a token to renew with: only the last one's answer is sent
  #asked = 0; // when that was
  #last = null; // the last token that it gave
  #cursor;
  #list = "whole"; // what the page has; or "owed": refetch is to be raised; or, while its handlers work, what tells this call from another
  #seen = new Set();
  #unlisten = [];

  constructor({ url, token, cursor = null, storage = null, storageKey, WebSocket = globalThis.WebSocket, firstDelay = 1_000, longestDelay = 30_000 }) {
    if (!url) throw new TypeError("url: wss://…/ws");
    if (!token || (typeof token !== "string" && typeof token !== "function")) throw new TypeError("token: a string, or a function that returns one");
    if (typeof WebSocket !== "function") throw new TypeError("WebSocket: this platform has none; pass one, such as that of the package ws");
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace(/^http/, "ws");
    this.#options = { token, storage, WebSocket, firstDelay, longestDelay };
    this.#key = storageKey ?? `notifier:${this.#url.href}`;
    this.#cursor = cursor ?? this.#stored();
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
   * {state, …} at each change, and "refetch", when the list has to be fetched because what was missed will not come; a promise that its
   * handler returns says when the page has the list. Returns a function that takes the handler off again.
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
    this.#closes++;
    if (this.#list !== "whole") this.#list = "owed"; // nothing is stored after this: the next client may have the key
    this.#stop({ code: 1000, reason: "closed" });
  }

  async #begin() {
    const attempt = ++this.#attempt;
    this.#begun = Date.now();
    this.#listen();
    this.#tell({ state: "connecting" });
    if (attempt !== this.#attempt) return; // a handler has closed it
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost({ reason: "timeout" }), WELCOME_WITHIN);
    const token = await this.#ask().catch(() => null);
    if (attempt !== this.#attempt) return;
    if (token !== null) this.#open(token);
    else if (typeof this.#options.token === "function") this.#lost({ reason: "token" });
    else this.#stop({ reason: "token" });
  }

  #open(token) {
    const url = new URL(this.#url);
    if (this.#cursor !== null) url.searchParams.set("cursor", this.#cursor);
    let socket;
    try {
      socket = new this.#options.WebSocket(url.href, [PROTOCOL, `bearer.${token}`]);
    } catch {
      return this.#lost({ reason: "url" }); // such as ws:// in a page of https://
    }
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#socket === socket && this.#receive(data));
    socket.addEventListener("close", ({ code, reason }) => this.#socket === socket && this.#closed(code, reason));
    socket.addEventListener("error", () => {}); // a close follows
  }

  #receive(text) {
    this.#heard = Date.now();
    this.#alive();
    this.#watch();
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {} // passed over, like all that is unknown
    switch (frame?.type) {
      case "welcome":
        return this.#welcome(frame);
      case "event":
        return this.#event(frame);
      case "cursor":
        return this.#keep(frame.cursor);
      case "expiring":
        if (typeof this.#options.token === "function") this.#renew();
        return;
      case "renewed":
        if (this.#status.state === "online") this.#status = { ...this.#status, expiresAt: frame.expiresAt };
    }
  }

  #welcome({ accountId, cursor, recovered, expiresAt }) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#failures = 0), HEALTHY_AFTER);
    if (!recovered) this.#list = "owed";
    this.#keep(cursor);
    const attempt = this.#attempt;
    this.#tell({ state: "online", accountId, recovered, expiresAt });
    if (attempt === this.#attempt && this.#list === "owed") this.#refetch({ accountId, cursor });
  }

  // Until the page has its list, a stored cursor stays where it was: a page that is closed meanwhile has missed what lies between.
  async #refetch(why) {
    const call = (this.#list = {});
    try {
      await Promise.all(this.#call("refetch", why));
      if (this.#list !== call) return;
      this.#list = "whole";
      this.#keep(this.#cursor);
    } catch (error) {
      if (this.#list === call) this.#list = "owed";
      report(error);
    }
  }

  #event({ id, event, data }) {
    const known = this.#seen.has(id);
    if (!known) {
      this.#seen.add(id);
      if (this.#seen.size > REMEMBERED) this.#seen.delete(this.#seen.values().next().value);
      const closes = this.#closes;
      if (event !== "status" && event !== "refetch" && event !== "*") this.#call(event, data, { id, event });
      if (closes === this.#closes) this.#call("*", data, { id, event });
    }
    this.#keep(id); // after the screen has it
  }

  // A renewal shows that the link works, too: it is answered. Without a token nothing is asked; the next question comes when it has been quiet again.
  async #renew(known) {
    const socket = this.#socket;
    const ask = ++this.#asks;
    this.#asked = Date.now();
    const token = known ?? (await this.#ask().catch(() => null));
    if (token === null || this.#socket !== socket || ask !== this.#asks) return;
    if (socket.readyState === 1) socket.send(JSON.stringify({ type: "auth", token }));
    this.#probe ??= setTimeout(() => this.reconnect(), ALIVE_WITHIN);
  }

  async #ask() {
    const token = typeof this.#options.token === "function" ? await this.#options.token() : this.#options.token;
    if (typeof token !== "string" || !TOKEN.test(token)) throw new TypeError("no token");
    this.#last = token;
    return token;
  }

  #closed(code, reason) {
    const why = { code, reason };
    if (STOP.has(code) || (code === NEW_TOKEN && typeof this.#options.token === "string")) this.#stop(why);
    else this.#lost(why, COME_LATER.has(code) ? LATER : 0);
  }

  // Full jitter: screens that were cut together come back apart.
  #lost(why, atLeast = 0) {
    const ceiling = Math.min(this.#options.longestDelay, this.#options.firstDelay * 2 ** this.#failures++);
    this.#soonest = Date.now() + atLeast;
    this.#wait(why, atLeast + Math.random() * ceiling);
  }

  #wait(why, wait) {
    this.#abandon();
    this.#due = Date.now() + wait;
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
    clearTimeout(this.#quiet);
    this.#alive();
    socket?.close();
  }

  // The network is back, or somebody looks: a wait is cut short, an attempt that hangs is given up, and a link that is up is asked whether it works.
  #wake(quiet, apart) {
    const now = Date.now();
    const { state, code, reason = "timeout" } = this.#status;
    if (state === "waiting" || (state === "connecting" && now - this.#begun >= HANGING_AFTER)) {
      const wait = Math.max(0, this.#soonest - now) + Math.random() * apart;
      if (state === "waiting" && now + wait >= this.#due) return;
      if (wait === 0) this.reconnect();
      else this.#wait({ code, reason }, wait);
    }
    if (state === "online" && now - this.#asked >= ALIVE_WITHIN && now - this.#heard >= quiet) this.#renew();
  }

  // A dead link says nothing, and the server says something every few minutes only.
  #watch() {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      this.#watch();
      this.#renew(this.#last); // only the link is in question: the application need not sign a token each minute
    }, QUIET_FOR + Math.random() * APART);
  }

  #alive() {
    clearTimeout(this.#probe);
    this.#probe = null;
  }

  #keep(cursor) {
    this.#cursor = cursor;
    if (this.#list !== "whole") return;
    try {
      this.#options.storage?.setItem(this.#key, cursor);
    } catch {} // full or forbidden: the cursor is kept in memory
  }

  #stored() {
    try {
      return this.#options.storage?.getItem(this.#key) ?? null;
    } catch {
      return null;
    }
  }

  #listen() {
    if (this.#unlisten.length > 0) return;
    const hear = (target, name, handler) => {
      if (typeof target?.addEventListener !== "function") return; // Node
      target.addEventListener(name, handler);
      this.#unlisten.push(() => target.removeEventListener(name, handler));
    };
    hear(globalThis, "online", () => this.#wake(0, APART)); // so it is for the whole office
    hear(globalThis.document, "visibilitychange", () => document.hidden || this.#wake(QUIET_UNSEEN, 0)); // somebody looks at this one
  }

  #tell(status) {
    this.#call("status", (this.#status = status));
  }

  // A handler that throws is reported as any uncaught error, and keeps nothing from the others. Returns what they returned.
  #call(name, ...args) {
    const closes = this.#closes;
    const returned = [];
    for (const handler of [...(this.#handlers.get(name) ?? [])]) {
      if (closes !== this.#closes) break;
      try {
        returned.push(handler(...args));
      } catch (error) {
        if (name === "refetch") returned.push(Promise.reject(error)); // and is reported there
        else report(error);
      }
    }
    return returned;
  }
}

function report(error) {
  queueMicrotask(() => {
    throw error;
  });
}
