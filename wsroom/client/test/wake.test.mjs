// What only a browser has: a network that comes back, and a window that is looked at again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../notifier-client.js";
import { Clock, network, settle } from "./clock.mjs";

const welcome = { type: "welcome", accountId: "1", cursor: "1-7", recovered: false, expiresAt: "2030-01-01T00:00:00Z" };

/** A window, whose events the test makes, around a client that is online. */
async function inAWindow(run) {
  const page = new EventTarget();
  let listeners = 0;
  const clock = new Clock();
  globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  globalThis.addEventListener = (...args) => (listeners++, page.addEventListener(...args));
  globalThis.removeEventListener = (...args) => (listeners--, page.removeEventListener(...args));
  const { WebSocket, made } = network();
  const client = connect({ url: "ws://notifier.example/ws", token: async () => "t", WebSocket });
  try {
    await settle();
    made[0].get(welcome);
    await run({ client, made, clock, online: () => page.dispatchEvent(new Event("online")), look: () => document.dispatchEvent(new Event("visibilitychange")) });
    client.close();
    assert.deepEqual([clock.pending, listeners], [0, 0]);
  } finally {
    clock.restore();
    delete globalThis.document;
    delete globalThis.addEventListener;
    delete globalThis.removeEventListener;
  }
}

for (const how of ["online", "look"]) {
  test(`a wait is cut short: ${how}`, () =>
    inAWindow(async (it) => {
      it.made[0].end(1006);
      assert.equal(it.client.status.state, "waiting");
      Math.random = () => 0.3;
      it[how]();
      await settle();
      assert.equal(it.made.length, how === "look" ? 2 : 1, "a network that is back is so for all the screens of an office");
      await it.clock.pass(300);
      assert.deepEqual([it.made.length, it.made[1].cursor], [2, "1-7"]);
    }));
}

test("a link that died unnoticed is found and replaced", () =>
  inAWindow(async ({ made, clock, online, client }) => {
    online();
    await settle();
    assert.deepEqual(made[0].sent, [{ type: "auth", token: "t" }]);
    await clock.pass(5_000);
    assert.deepEqual([made.length, made[0].closed, client.status.state], [2, true, "connecting"]);
  }));

test("a link that answers stays", () =>
  inAWindow(async ({ made, clock, online }) => {
    online();
    await settle();
    made[0].get({ type: "renewed", expiresAt: "2030-01-01T00:00:00Z" });
    await clock.pass(60_000);
    assert.equal(made.length, 1);
  }));

test("a window that is looked at asks only after half a minute without a frame, and not when it is hidden", () =>
  inAWindow(async ({ made, clock, look }) => {
    await clock.pass(29_000);
    look();
    await settle();
    assert.equal(made[0].sent.length, 0);
    await clock.pass(1_000);
    document.hidden = true;
    look();
    await settle();
    assert.equal(made[0].sent.length, 0);
    document.hidden = false;
    look();
    look();
    await settle();
    assert.equal(made[0].sent.length, 1);
  }));

test("a burst asks once, and again only after 5 s", () =>
  inAWindow(async ({ made, clock, online }) => {
    for (const after of [0, 4_000, 1_000]) {
      await clock.pass(after);
      for (let i = 0; i < 5; i++) {
        online();
        await settle();
        made[0].get({ type: "renewed", expiresAt: "2030-01-01T00:00:00Z" });
      }
    }
    assert.equal(made[0].sent.length, 2);
  }));

for (const how of ["online", "look"]) {
  test(`an attempt that hangs is given up: ${how}`, () =>
    inAWindow(async (it) => {
      it.client.reconnect();
      await it.clock.pass(1_900);
      it[how]();
      await it.clock.pass(50);
      assert.equal(it.made.length, 2, "it may still come");
      await it.clock.pass(50);
      it[how]();
      await it.clock.pass(1_000);
      assert.deepEqual([it.made.length, it.made[1].closed], [3, true]);
    }));
}

for (const code of [1013, 4429]) {
  test(`the pause that the server asked for is kept: ${code}`, () =>
    inAWindow(async ({ made, clock, online, look }) => {
      made[0].end(code);
      online();
      look();
      await clock.pass(1_999);
      assert.equal(made.length, 1);
      await clock.pass(1);
      assert.equal(made.length, 2);
    }));
}

test("a closed client does not listen any more, until it is told to go on", () =>
  inAWindow(async ({ client, made, online, look }) => {
    client.close();
    online();
    look();
    await settle();
    assert.equal(made.length, 1);
    client.reconnect();
    await settle();
    made[1].get(welcome);
    online();
    await settle();
    assert.equal(made[1].sent.length, 1);
  }));
