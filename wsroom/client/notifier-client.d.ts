import type { Appointment, DoctorState, End, EventId, Gone, Test } from "./frames.js";

export type * from "./frames.js";

/**
 * The events by their names, with their data. Where an operator has routed other statuses to other names, add them by declaration merging:
 *
 *     declare module "notifier-client" {
 *       interface Events { "appointments.late": Appointment | Gone }
 *     }
 */
export interface Events {
  "appointmnents.finished": Appointment | Gone;
  "appointments.checkin": Appointment | Gone;
  "appointments.serving": Appointment | Gone;
  "doctors.busy": DoctorState | Gone;
  "notifier.test": Test;
}

/** What comes with an event's data. */
export interface Meta {
  id: EventId;
  event: string;
}

/** The connection's state, and why it is that. */
export type ClientStatus =
  | { state: "connecting" }
  | { state: "online"; accountId: string; recovered: boolean; expiresAt: End }
  /** wait: milliseconds until the next attempt. code: the close code, if there was a close; reason: its word, or "token" (none came), "timeout", "url" (the platform refuses it). */
  | { state: "waiting"; code?: number; reason: string; wait: number }
  /** For good, until reconnect(). */
  | { state: "stopped"; code?: number; reason?: string };

/** Why the list has to be fetched: what was missed, if anything was, will not come. Everything after the cursor will. */
export interface Refetch {
  accountId: string;
  cursor: EventId;
}

/** A place for the cursor: localStorage, sessionStorage, or anything like them. */
export interface CursorStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** What the client needs of a WebSocket. */
export interface WebSocketLike {
  readonly readyState: number;
  send(data: string): void;
  close(): void;
  addEventListener(type: string, listener: (event: any) => void): void;
}

export interface Options {
  /** wss://…/ws; https:// is taken for wss://, and in a page it may be relative. */
  url: string | URL;
  /** Asked at every connection, before the token's end, and after a quiet minute. While it throws, rejects or returns what is no token it is asked again. Of a plain string there is no new one: its end stops the client. */
  token: string | (() => string | Promise<string>);
  /** Where the stream goes on, if the list that the page has is of that moment. */
  cursor?: EventId | null;
  /** Keeps the cursor where the list is kept, too; a page that fetches its list when it opens needs none. */
  storage?: CursorStorage | null;
  /** By default "notifier:" and the URL. One for each account, where there are several. */
  storageKey?: string;
  /** For platforms without one, such as Node before 22. */
  WebSocket?: new (url: string, protocols: string[]) => WebSocketLike;
  /** Milliseconds: the first wait is between 0 and this, each further between 0 and twice as much… By default 1,000. */
  firstDelay?: number;
  /** …and at most this. By default 30,000. */
  longestDelay?: number;
}

export interface Client {
  readonly status: ClientStatus;
  /** The position after the last event that handlers have had. */
  readonly cursor: EventId | null;
  /** Takes a handler on; the function that it returns takes it off again. A handler that throws keeps nothing from the others. */
  on<Name extends keyof Events>(event: Name, handler: (data: Events[Name], meta: Meta) => void): () => void;
  on(event: "status", handler: (status: ClientStatus) => void): () => void;
  /** A promise that the handler returns says when the page has its list: until then, and if it rejects, no cursor is stored. */
  on(event: "refetch", handler: (why: Refetch) => unknown): () => void;
  /** "*": every event; or one that Events does not name. */
  on(event: string, handler: (data: unknown, meta: Meta) => void): () => void;
  off(event: string, handler: (...args: any[]) => void): void;
  /** Connects anew at once, also after a stop. */
  reconnect(): void;
  /** Ends it, until reconnect(). No handler is called any more, but for a last status. */
  close(): void;
}

/** Opens a connection that lives until close(). It throws for what can never work: no URL, no token, no WebSocket. */
export function connect(options: Options): Client;
