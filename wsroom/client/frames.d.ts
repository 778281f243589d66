// Generated from wsroom/spec/asyncapi.yaml by `go generate ./wsroom/spec`. Not to be edited.

/** An id of the clinic, in the type that its column has. */
export type Id = number | string;

/** An event's id, which is a cursor. Opaque. */
export type EventId = string;

/** The token's account, as a string. It names the room. */
export type Account = string;

/** UTC with milliseconds, as JavaScript prints a Date. */
export type Moment = string;

/** The same, or nothing. */
export type MomentOrNull = string | null;

/** When the token ends, UTC, in whole seconds. */
export type End = string;

/** An appointment as it is at delivery. The event's id says that something happened; `status` says what it is by now. */
export type Appointment = {
  id: Id;
  date: MomentOrNull;
  /** As the clinic writes it, "09:00". */
  startTime: string | null;
  endTime: string | null;
  notes: string | null;
  accountId: Id;
  createdAt: MomentOrNull;
  updatedAt: MomentOrNull;
  deletedAt: MomentOrNull;
  doctor: Doctor | null;
  patient: Patient | null;
  status: Status | null;
  /** The procedure with the lowest id, as it always was. All of them are in procedures. */
  appointmentProcedures: FirstProcedure | null;
  procedures: (Procedure)[];
};

export type Doctor = {
  id: Id;
  name: string | null;
};

export type Patient = {
  id: Id;
  name: string | null;
  /** null without a contact row. */
  contact: Contact | null;
};

export type Contact = {
  phone: string | null;
};

export type Status = {
  id: Id;
  name: string | null;
  /** As CSS knows it, "#28a745". */
  color: string | null;
};

export type FirstProcedure = {
  procedure: Procedure;
};

export type Procedure = {
  id: Id;
  name: string | null;
  /** A decimal without trailing zeros, "100" or "99.9". */
  price: string | null;
};

/** What the event was about is gone, belongs to another account by now, or cannot be loaded. A screen drops it. */
export type Gone = {
  id: Id;
  accountId: Id;
  deletedAt: Moment;
};

export type DoctorState = {
  id: Id;
  accountId: Id;
  isBusy: boolean;
};

export type Test = {
  test: true;
  /** What the one who sent it recognises it by. */
  marker: string;
  accountId: Id;
  sentAt: Moment;
};

/** The name that the operator has routed a change to. */
export type EventName = string;

/** Why a connection ends, or a token is refused. */
export type Code = "token_missing" | "token_invalid" | "token_expired" | "origin_forbidden" | "account_forbidden" | "too_many_connections" | "protocol_violated" | "flood" | "restart" | "resync" | "unavailable" | "keys_unavailable";

export type Welcome = {
  type: "welcome";
  accountId: Account;
  cursor: EventId;
  recovered: boolean;
  expiresAt: End;
};

export type AppointmentEvent = {
  type: "event";
  id: EventId;
  event: EventName;
  data: Appointment;
};

export type DoctorEvent = {
  type: "event";
  id: EventId;
  event: EventName;
  data: DoctorState;
};

export type GoneEvent = {
  type: "event";
  id: EventId;
  event: EventName;
  data: Gone;
};

export type TestEvent = {
  type: "event";
  id: EventId;
  event: "notifier.test";
  data: Test;
};

export type CursorFrame = {
  type: "cursor";
  cursor: EventId;
};

export type Expiring = {
  type: "expiring";
  expiresAt: End;
};

export type Renewed = {
  type: "renewed";
  expiresAt: End;
};

export type ErrorFrame = {
  type: "error";
  code: Code;
  message: string;
};

/** Keys that the server does not know are let pass. */
export type Auth = {
  type: "auth";
  token: string;
  cursor?: string;
  [key: string]: unknown;
};

export type EngineOpen = {
  sid: string;
  upgrades: ("websocket")[];
  /** In milliseconds. */
  pingInterval: number;
  /** In milliseconds. */
  pingTimeout: number;
  /** In bytes. */
  maxPayload: number;
};

/** Keys that the server does not know are let pass. */
export type Connect = {
  /** Raw, or with "Bearer ". */
  token?: string;
  pid?: string;
  offset?: string;
  [key: string]: unknown;
};

export type Connected = {
  sid: string;
  pid?: string;
};

export type ConnectError = {
  message: string;
  data: ConnectErrorData;
};

export type ConnectErrorData = {
  code: ConnectCode;
};

/** Why CONNECT is refused. Everything else closes the transport. */
export type ConnectCode = "token_missing" | "token_invalid" | "token_expired" | "account_forbidden" | "too_many_connections";

export type NamespaceError = {
  message: "Invalid namespace";
};

export type AppointmentPacket = [EventName, Appointment, (EventId)?];

export type DoctorPacket = [EventName, DoctorState, (EventId)?];

export type GonePacket = [EventName, Gone, (EventId)?];

export type TestPacket = ["notifier.test", Test, (EventId)?];

export type CursorPacket = ["$cursor", EventId];

export type ClientPacket = unknown[];

export type Acknowledged = [];
