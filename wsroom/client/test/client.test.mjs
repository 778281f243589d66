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

for (const [what, first] of [["none", () => { throw new Error("away"); }], ["an error page", () => "<html>502</html>"], ["nothing", () => undefined]]) {
  test(`for ${what} in a token's place it waits, and asks again`, async () => {
    let asked = 0;
    const { client, made, told } = await open({ token: async () => (++asked === 1 ? first() : "t") });
    assert.deepEqual([made.length, told, client.status.reason], [0, ["connecting", "waiting"], "token"]);
    await clock.pass(1_000);
    assert.equal(made.length, 1);
  });
}

test("an error page is not sent as a renewal; a constant that is no token stops it", async () => {
  const pages = ["t", "<html>"];
  const { made } = await join({ token: () => pages.shift() });
  made[0].get({ type: "expiring", expiresAt: "2030-01-01T00:00:00Z" });
  await settle();
  assert.deepEqual([made[0].sent, made.length], [[], 1]);
  const { client } = await open({ token: "<html>" });
  assert.deepEqual(client.status, { state: "stopped", reason: "token" });
});

test("a socket that the platform refuses is tried again", async () => {
  const { client } = await open({ WebSocket: class { constructor() { throw new SyntaxError("mixed content"); } } });
  assert.deepEqual([client.status.state, client.status.reason], ["waiting", "url"]);
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
  answers[1]("soon");
  await settle();
  assert.deepEqual(made.map(({ protocols }) => protocols[1]), ["bearer.soon"]);
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

test("frames of a later version are passed over, and what is no frame", async () => {
  const { client, made } = await join();
  made[0].get({ type: "unheard-of", more: 1 });
  made[0].get(null);
  made[0].dispatchEvent(Object.assign(new Event("message"), { data: "<html>" }));
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
  const url = "ws://a/ws";
  for (const options of [{ url: "not a url", token: "t", WebSocket }, { token: "t", WebSocket }, { url, token: "", WebSocket }, { url, WebSocket }, { url, token: "t", WebSocket: null }]) {
    assert.throws(() => connect(options), TypeError);
  }
});

test("a link that says nothing for a minute is asked, and replaced if it does not answer within 5 s", async () => {
  const { made } = await join();
  await clock.pass(59_000);
  made[0].get({ type: "cursor", cursor: "1-9" });
  await clock.pass(59_999);
  assert.deepEqual(made[0].sent, []);
  await clock.pass(1_001);
  assert.deepEqual(made[0].sent, [{ type: "auth", token: "t1" }]); // the one that it has
  made[0].get({ type: "renewed", expiresAt: "2031-01-01T00:00:00Z" });
  await clock.pass(61_000 + 4_998);
  assert.deepEqual([made.length, made[0].sent.length], [1, 2]);
  await clock.pass(2);
  assert.deepEqual([made.length, made[0].closed, made[1].cursor], [2, true, "1-9"]);
});

test("a token that hangs does not cost a link that works", async () => {
  let asked = 0;
  const { client, made } = await open({ token: () => (asked++ === 0 ? "t" : new Promise(() => {})) });
  made[0].get(welcome());
  made[0].get({ type: "expiring", expiresAt: "2030-01-01T00:00:00Z" });
  for (let i = 1; i <= 5; i++) {
    await clock.pass(61_000);
    assert.deepEqual([made[0].sent.length, made[0].sent.at(-1)], [i, { type: "auth", token: "t" }]);
    made[0].get({ type: "renewed", expiresAt: "2030-01-01T00:00:00Z" });
  }
  assert.deepEqual([client.status.state, made[0].closed, asked], ["online", false, 2]);
});

test("a clock that is wrong does not cost a link that answers", async () => {
  const { made } = await open();
  const expiresAt = new Date(clock.now - 3_600_000).toISOString();
  made[0].get(welcome({ expiresAt }));
  for (let i = 0; i < 10; i++) {
    await clock.pass(61_000);
    made[0].get({ type: "renewed", expiresAt });
  }
  assert.equal(made.length, 1);
});

test("renewed, the status knows the new end", async () => {
  const { client, made, told } = await join();
  const before = told.length;
  made[0].get({ type: "renewed", expiresAt: "2031-01-01T00:00:00Z" });
  assert.deepEqual([client.status.expiresAt, client.status.state, told.length], ["2031-01-01T00:00:00Z", "online", before]);
});

test("a plain token is not sent again before its end", async () => {
  const { made } = await join({ token: "only" });
  made[0].get({ type: "expiring", expiresAt: "2030-01-01T00:00:00Z" });
  await settle();
  assert.deepEqual(made[0].sent, []);
});

for (const state of ["connecting", "online", "waiting"]) {
  test(`closed by a handler at ${state}, it is closed, and no other handler hears of what was before`, async () => {
    const { WebSocket, made } = network();
    const client = connect({ url: "wss://notifier.example/ws", token: async () => "t", WebSocket });
    clients.push(client);
    const told = [];
    client.on("status", (status) => status.state === state && client.close());
    client.on("status", (status) => told.push(status.state));
    client.on("refetch", () => told.push("refetch"));
    await settle();
    made[0]?.get(welcome());
    if (state === "waiting") made[0].end(1006);
    await clock.pass(60_000);
    const before = { connecting: [], online: ["connecting"], waiting: ["connecting", "online", "refetch"] }[state];
    assert.deepEqual([told, client.status.state, clock.pending], [[...before, "stopped"], "stopped", 0]);
  });
}

test("closed by an event's handler, no other gets the event", async () => {
  const { client, made, told } = await join();
  const off = client.on("appointmnents.finished", () => client.close());
  client.on("appointmnents.finished", () => told.push("second"));
  client.on("*", () => told.push("*"));
  made[0].get(event("1-8"));
  off();
  assert.deepEqual(told.slice(-2), ["1-8", "stopped"]);
});

/** A storage and a client of it, whose list the test loads. */
async function keeping(run) {
  const kept = new Map([["notifier:wss://notifier.example/ws", "1-1"]]);
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  const it = await open({ storage });
  const lists = [];
  it.client.on("refetch", () => new Promise((done, fail) => lists.push({ done, fail })));
  await run({ ...it, lists, stored: () => kept.get("notifier:wss://notifier.example/ws") });
}

test("a cursor is not stored before the list is there", () =>
  keeping(async ({ made, lists, stored, client }) => {
    assert.equal(made[0].cursor, "1-1");
    made[0].get(welcome());
    made[0].get(event("1-8"));
    await settle();
    assert.deepEqual([stored(), client.cursor], ["1-1", "1-8"]);
    lists[0].done();
    await settle();
    assert.equal(stored(), "1-8");
    client.on("*", () => assert.equal(stored(), "1-8", "nor an event's before its handlers have had it"));
    made[0].get(event("1-9"));
    assert.equal(stored(), "1-9");
  }));

test("a list that cannot be loaded is asked for again at the next connection, and the stored cursor stays", () =>
  keeping(async ({ made, lists, stored }) => {
    const reported = new Promise((resolve) => process.once("uncaughtException", resolve));
    const listeners = process.listeners("uncaughtException").slice(0, -1);
    for (const listener of listeners) process.off("uncaughtException", listener);
    made[0].get(welcome());
    lists[0].fail(new Error("no list"));
    assert.equal((await reported).message, "no list");
    for (const listener of listeners) process.on("uncaughtException", listener);
    made[0].end(1006);
    await clock.pass(1_000);
    made[1].get(welcome({ recovered: true }));
    assert.deepEqual([lists.length, stored()], [2, "1-1"]);
    lists[1].done();
    await settle();
    assert.equal(stored(), "1-7");
  }));

test("closed while its list is being loaded, it stores nothing any more", () =>
  keeping(async ({ made, lists, stored, client }) => {
    made[0].get(welcome());
    client.close();
    lists[0].done();
    await settle();
    assert.equal(stored(), "1-1");
  }));

test("it remembers the last 1,000 events, and no more", async () => {
  const { made, told } = await join();
  for (let i = 1; i <= 1_000; i++) made[0].get(event(`2-${i}`));
  const times = () => told.filter((what) => what === "2-1").length;
  made[0].get(event("2-1"));
  assert.equal(times(), 1);
  made[0].get(event("2-1001"));
  made[0].get(event("2-1"));
  assert.equal(times(), 2);
});

test("waits are random, and what the address asks for is kept", async () => {
  const { client, made } = await join({ url: "https://notifier.example/ws?clinic=1" });
  assert.equal(made[0].url, "wss://notifier.example/ws?clinic=1");
  Math.random = () => 0.25;
  made[0].end(1006);
  assert.equal(client.status.wait, 250);
});
