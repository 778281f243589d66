import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import { connect } from "../notifier-client.js";
import { Clock, network, settle } from "./clock.mjs";

const welcome = (more) => ({ type: "welcome", accountId: "1", cursor: "1-7", recovered: false, expiresAt: "2030-01-01T00:00:00Z", ...more });
const event = (id, data = { id }) => ({ type: "event", id, event: "appointmnents.finished", data });

let clock;
let clients;
beforeEach(() => {
  clock = new Clock();
  clients = [];
});
afterEach(() => {
  for (const client of clients) client.close();
  assert.equal(clock.pending, 0, "a closed client has no timers");
  clock.restore();
});

/** A client on a network of its own, with what its handlers were told. */
async function open(options) {
  const { WebSocket, made } = network();
  let tokens = 0;
  const client = connect({ url: "https://notifier.example/ws", token: async () => `t${++tokens}`, WebSocket, ...options });
  clients.push(client);
  const told = [];
  client.on("status", ({ state }) => told.push(state));
  client.on("refetch", () => told.push("refetch"));
  client.on("appointmnents.finished", (data, { id }) => told.push(id));
  await settle();
  return { client, made, told };
}

/** The same, and welcome. */
async function join(options) {
  const it = await open(options);
  it.made[0].get(welcome());
  return it;
}

test("it connects with its token as a subprotocol and no cursor, and says that the list has to be fetched", async () => {
  const { made, told, client } = await join();
  assert.equal(made[0].url, "wss://notifier.example/ws");
  assert.deepEqual(made[0].protocols, ["notifier.v1", "bearer.t1"]);
  assert.deepEqual(told, ["connecting", "online", "refetch"]);
  assert.deepEqual(client.status, { state: "online", accountId: "1", recovered: false, expiresAt: "2030-01-01T00:00:00Z" });
});

test("recovered, there is nothing to fetch", async () => {
  const { made, told } = await open({ cursor: "1-3" });
  assert.equal(made[0].cursor, "1-3");
  made[0].get(welcome({ recovered: true, cursor: "1-3" }));
  assert.deepEqual(told, ["connecting", "online"]);
});

for (const [name, frames, cursor] of [
  ["the welcome's", [], "1-7"],
  ["an event's id", [event("1-8")], "1-8"],
  ["a refreshed one", [event("1-8"), { type: "cursor", cursor: "1-99" }], "1-99"],
]) {
  test(`it comes back with its cursor: ${name}`, async () => {
    const { client, made } = await join();
    for (const frame of frames) made[0].get(frame);
    assert.equal(client.cursor, cursor);
    made[0].end(1012);
    await clock.pass(1_000);
    assert.equal(made[1].cursor, cursor);
    assert.deepEqual(made[1].protocols, ["notifier.v1", "bearer.t2"]);
  });
}

test("no handler gets an event twice, nor one of a connection that is over", async () => {
  const { made, told } = await join();
  made[0].get(event("1-8"));
  made[0].end(1006);
  made[0].get(event("1-9"));
  await clock.pass(1_000);
  made[1].get(welcome({ recovered: true, cursor: "1-8" }));
  for (const id of ["1-8", "1-9", "1-9", "1-10"]) made[1].get(event(id));
  assert.deepEqual(told.filter((what) => what.includes("-")), ["1-8", "1-9", "1-10"]);
});

test("the document's close codes: who comes back, when, and with what", async () => {
  const path = new URL("../../spec/schemas.json", import.meta.url);
  const table = JSON.parse(readFileSync(path))["x-close-codes"];
  assert.ok(table.length >= 10);
  for (const { close, comeBack } of table) {
    const { client, made } = await join();
    made[0].end(close, "word");
    const { state } = client.status;
    await clock.pass(1_999);
    const early = made.length;
    await clock.pass(2_001);
    const got = state === "stopped" ? "never" : early > 1 ? "soon" : made.length > 1 ? "later" : "not at all";
    assert.equal(got, { newToken: "soon", cursor: "soon", later: "later", never: "never" }[comeBack], `${close}`);
    if (comeBack === "never") assert.deepEqual(client.status, { state: "stopped", code: close, reason: "word" });
    else assert.deepEqual([made[1].cursor, made[1].protocols[1]], ["1-7", "bearer.t2"]);
  }
});

test("a plain token has no successor: its end stops the client, until it is told to go on", async () => {
  const { client, made } = await join({ token: "only" });
  made[0].end(4401, "token_expired");
  await clock.pass(3_600_000);
  assert.equal(made.length, 1);
  assert.deepEqual(client.status, { state: "stopped", code: 4401, reason: "token_expired" });
  client.reconnect();
  await settle();
  assert.equal(made.length, 2);
});

test("waits grow to the longest and begin anew after a healthy connection", async () => {
  const { client, made } = await open({ firstDelay: 1_000, longestDelay: 4_000 });
  const waits = [];
  for (let i = 0; i < 4; i++) {
    made.at(-1).end(1006);
    waits.push(Math.round(client.status.wait));
    await clock.pass(4_000);
  }
  made.at(-1).get(welcome());
  await clock.pass(9_999);
  made.at(-1).end(1006);
  waits.push(Math.round(client.status.wait));
  await clock.pass(4_000);
  made.at(-1).get(welcome());
  await clock.pass(10_001);
  made.at(-1).end(1006);
  waits.push(Math.round(client.status.wait));
  await clock.pass(4_000);
  made.at(-1).end(1006);
  client.reconnect(); // somebody wants it now
  await settle();
  made.at(-1).end(1006);
  waits.push(Math.round(client.status.wait));
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 4_000, 4_000, 1_000, 1_000]);
});

test("it renews its token in place, before the end", async () => {
  const { made } = await join();
  made[0].get({ type: "expiring", expiresAt: "2030-01-01T00:00:00Z" });
  await settle();
  assert.deepEqual([made.length, made[0].sent], [1, [{ type: "auth", token: "t2" }]]);
});

test("without a token it asks again; a token of impossible characters stops it", async () => {
  let asked = 0;
  const { made, told } = await open({
    token: async () => {
      if (++asked === 1) throw new Error("away");
      return "t";
    },
  });
  assert.deepEqual([made.length, told], [0, ["connecting", "waiting"]]);
  await clock.pass(1_000);
  assert.equal(made.length, 1);
  const { client } = await open({ WebSocket: class { constructor() { throw new SyntaxError("protocols"); } } });
  assert.deepEqual(client.status, { state: "stopped", reason: "token" });
});

test("a token or a welcome that does not come is given up after 15 s", async () => {
  const { client, made } = await open({ token: () => new Promise(() => {}) });
  await clock.pass(15_000);
  assert.deepEqual([made.length, client.status.reason], [0, "timeout"]);
  const other = await open();
  await clock.pass(15_000);
  assert.deepEqual([other.made[0].closed, other.client.status.reason], [true, "timeout"]);
});

test("a token that comes when the connection is another's already opens none", async () => {
  const answers = [];
  const { client, made } = await open({ token: () => new Promise((resolve) => answers.push(resolve)) });
  client.reconnect();
  await settle();
  answers[0]("late");
  answers[1]("in time");
  await settle();
  assert.deepEqual(made.map(({ protocols }) => protocols[1]), ["bearer.in time"]);
});

test("a handler that throws is reported and keeps nothing from the others", async () => {
  const { client, made, told } = await open();
  const reported = new Promise((resolve) => process.once("uncaughtException", resolve));
  const listeners = process.listeners("uncaughtException").slice(0, -1); // the test runner's would fail the test
  for (const listener of listeners) process.off("uncaughtException", listener);
  client.on("*", () => {
    throw new Error("a handler's");
  });
  client.on("*", (_, { id }) => told.push(`* ${id}`));
  made[0].get(welcome());
  made[0].get(event("1-8"));
  assert.equal((await reported).message, "a handler's");
  for (const listener of listeners) process.on("uncaughtException", listener);
  assert.deepEqual(told.slice(-2), ["1-8", "* 1-8"]);
  assert.equal(client.cursor, "1-8");
});

test("what is taken off is not called, and an event cannot pass for the client's own", async () => {
  const { client, made, told } = await join();
  const before = told.length;
  const seen = [];
  const off = client.on("*", (_, { event: name }) => seen.push(name));
  for (const [i, name] of ["status", "refetch", "*"].entries()) made[0].get({ type: "event", id: `1-${20 + i}`, event: name, data: {} });
  assert.deepEqual([seen, told.length], [["status", "refetch", "*"], before]);
  off();
  made[0].get(event("1-30"));
  assert.equal(seen.length, 3);
});

test("frames of a later version are passed over", async () => {
  const { client, made } = await join();
  made[0].get({ type: "unheard-of", more: 1 });
  assert.equal(client.status.state, "online");
});

test("the cursor is kept where the page says, and a full storage does no harm", async () => {
  const kept = new Map([["here", "1-5"]]);
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  const { made } = await open({ storage, storageKey: "here" });
  assert.equal(made[0].cursor, "1-5");
  made[0].get(welcome({ recovered: true, cursor: "1-5" }));
  made[0].get(event("1-6"));
  assert.equal(kept.get("here"), "1-6");
  const told = await open({ storage, storageKey: "here", cursor: "1-9" });
  assert.equal(told.made[0].cursor, "1-9", "what the page says itself counts for more");
  const full = { getItem: () => { throw new Error("forbidden"); }, setItem: () => { throw new Error("full"); } };
  const other = await join({ storage: full });
  other.made[0].get(event("1-8"));
  assert.equal(other.client.cursor, "1-8");
});

test("close ends it: no connection, no handler, a last status", async () => {
  const { client, made, told } = await join();
  client.close();
  made[0].get(event("1-8"));
  made[0].end(1000);
  await clock.pass(3_600_000);
  assert.deepEqual([made.length, made[0].closed, told.slice(-2)], [1, true, ["refetch", "stopped"]]);
  const early = connect({ url: "ws://notifier.example/ws", token: "t", WebSocket: network().WebSocket });
  early.close();
  await settle();
  assert.deepEqual(early.status, { state: "stopped", code: 1000, reason: "closed" });
});

test("what can never work throws at once", () => {
  const { WebSocket } = network();
  for (const options of [{ url: "not a url", token: "t", WebSocket }, { url: "ws://a/ws", WebSocket }, { url: "ws://a/ws", token: "t", WebSocket: null }]) {
    assert.throws(() => connect(options), TypeError);
  }
});
