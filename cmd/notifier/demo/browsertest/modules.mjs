// node modules.mjs URL
//
// Tests two of the page's modules alone, in the browser that runs them: the
// list's rule (rows leave by events) and the connection's (cursor, tokens,
// close codes), the latter on a WebSocket and a clock of the test's own.
// Prints one line of JSON and ends with status 0 if everything held.

import assert from "node:assert/strict";
import { launch, openWindow } from "./browser.mjs";

const url = process.argv[2];
const report = { ok: false, checks: [] };

async function check(name, page, run, expected, argument) {
  const got = await page.evaluate(run, argument);
  try {
    assert.deepEqual(got, expected);
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
  report.checks.push(name);
}

async function testList(page) {
  await page.evaluate(async () => {
    const { WaitingList } = await import("/waiting.js");
    const at = (ms) => new Date(ms).toISOString();
    window.row = (id, ms, code = "AGENDADO", startTime = "09:00") => ({ id, updatedAt: at(ms), startTime, status: { code } });
    window.ended = (id, ms) => ({ id, updatedAt: at(ms) });
    window.list = () => new WaitingList();
    window.ids = (l) => [...l.rows.keys()];
  });
  await check("a snapshot adds and changes, and takes nothing away", page, () => {
    const l = list();
    l.take([row(1, 10), row(2, 10)], true);
    l.take([row(2, 20, "CHECKIN"), row(3, 20)], false);
    return [ids(l), l.rows.get(2).status.code];
  }, [[1, 2, 3], "CHECKIN"]);
  await check("a whole snapshot takes away what it does not have, and says so", page, () => {
    const l = list();
    l.take([row(1, 10), row(2, 10)], true);
    return [l.take([row(2, 10)], true), ids(l)];
  }, [[1], [2]]);
  await check("an event takes its row away, once", page, () => {
    const l = list();
    l.take([row(1, 10), row(2, 10)], true);
    return [l.end(ended(1, 30)).id, l.end(ended(1, 30)), ids(l)];
  }, [1, null, [2]]);
  await check("a snapshot from before the event does not bring the row back", page, () => {
    const l = list();
    l.take([row(1, 10)], true);
    l.end(ended(1, 30));
    l.take([row(1, 10)], true);
    l.take([row(1, 30, "EM_ATENDIMENTO")], false);
    return ids(l);
  }, []);
  await check("nor where the event came first", page, () => {
    const l = list();
    l.end(ended(1, 30));
    l.take([row(1, 10)], true);
    return ids(l);
  }, []);
  await check("an appointment that was opened again comes back", page, () => {
    const l = list();
    l.end(ended(1, 30));
    l.take([row(1, 40)], false);
    return ids(l);
  }, [1]);
  await check("one that is gone from the clinic leaves by its deletion's time", page, () => {
    const l = list();
    l.take([row(1, 10)], true);
    l.end({ id: 1, accountId: 1, deletedAt: new Date(30).toISOString() });
    l.take([row(1, 10)], false);
    return ids(l);
  }, []);
  await check("an older snapshot does not undo a newer one", page, () => {
    const l = list();
    l.take([row(1, 20, "CHECKIN")], true);
    l.take([row(1, 10, "AGENDADO")], false);
    return l.rows.get(1).status.code;
  }, "CHECKIN");
  await check("rows are by time, then by id", page, () => {
    const l = list();
    l.take([row(3, 1, "CHECKIN", "10:00"), row(2, 1, "CHECKIN", "10:00"), row(9, 1, "CHECKIN", "09:30"), row(1, 1)], true);
    return l.in("CHECKIN").map(({ id }) => id);
  }, [9, 2, 3]);
}

/** Gives the page a link whose sockets do what the test says. */
async function prepareLink(page) {
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.evaluate(async () => {
    const { Link } = await import("/link.js");
    window.settle = async () => { for (let i = 0; i < 10; i++) await Promise.resolve(); };
    const sockets = [];
    window.WebSocket = class extends EventTarget {
      static OPEN = 1;
      readyState = 1;
      sent = [];
      constructor(target, protocols) {
        super();
        [this.path, this.query, this.protocols] = [target.pathname, target.search, protocols];
        sockets.push(this);
      }
      send(text) { this.sent.push(JSON.parse(text)); }
      get(frame) { this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) })); }
      end(code) { this.dispatchEvent(new CloseEvent("close", { code })); }
    };
    let links = 0; // each has a path, since those of earlier checks live on
    window.newLink = (token) => {
      const path = `/ws/${++links}`;
      let tokens = 0;
      const link = new Link(path, token ?? (async () => `t${++tokens}`));
      const states = [];
      link.addEventListener("state", ({ detail }) => states.push(detail.state));
      link.start();
      return { states, get made() { return sockets.filter((socket) => socket.path === path); } };
    };
    window.welcome = { type: "welcome", accountId: "1", cursor: "1-7", recovered: false, expiresAt: "2030-01-01T00:00:00Z" };
  });
}

async function testLink(page) {
  await prepareLink(page);
  await check("the token travels as a subprotocol, no cursor at first", page, async () => {
    window.it = newLink();
    await settle();
    it.made[0].get(welcome);
    return [it.made[0].query, it.made[0].protocols, it.states];
  }, ["", ["notifier.v1", "bearer.t1"], ["connecting", "online"]]);
  for (const [name, frame, cursor] of [
    ["the welcome's", null, "1-7"],
    ["an event's id", { type: "event", id: "1-8", event: "appointmnents.finished", data: {} }, "1-8"],
    ["a refreshed one", { type: "cursor", cursor: "1-99" }, "1-99"],
  ]) {
    await page.evaluate(async (got) => {
      window.it = newLink();
      await settle();
      it.made[0].get(welcome);
      if (got) it.made[0].get(got);
      it.made[0].end(1012);
    }, frame);
    await page.clock.runFor(250);
    await check(`it comes back with its cursor: ${name}`, page, async () => {
      await settle();
      return [it.made[1].query, it.made[1].protocols[1]];
    }, [`?cursor=${cursor}`, "bearer.t2"]);
  }
  await check("it renews its token in place", page, async () => {
    window.it = newLink();
    await settle();
    it.made[0].get(welcome);
    it.made[0].get({ type: "expiring", expiresAt: "2030-01-01T00:00:00Z" });
    await settle();
    return [it.made.length, it.made[0].sent];
  }, [1, [{ type: "auth", token: "t2" }]]);
}

async function testEndings(page) {
  for (const [codes, within, sockets, state] of [
    [[1001, 1006, 1012, 4401, 4408], 250, 2, "connecting"],
    [[1013, 4429], 1_999, 1, "waiting"],
    [[1013, 4429], 2_250, 2, "connecting"],
    [[1008, 1009, 4403], 3_600_000, 1, "stopped"],
  ]) {
    for (const code of codes) {
      await page.evaluate(async (end) => {
        window.it = newLink();
        await settle();
        it.made[0].end(end);
      }, code);
      await page.clock.runFor(within);
      const name = `${within} ms after ${code} it is ${state}`;
      await check(name, page, async () => {
        await settle();
        return [it.made.length, it.states.at(-1)];
      }, [sockets, state]);
    }
  }
  await page.evaluate(async () => {
    let asked = 0;
    window.it = newLink(async () => {
      if (++asked === 1) throw new Error("away");
      return "t";
    });
    await settle();
  });
  await page.clock.runFor(250);
  await check("without a token it asks again", page, async () => {
    await settle();
    return [it.made.length, it.states];
  }, [1, ["connecting", "waiting", "connecting"]]);
}

async function main() {
  const browser = await launch();
  try {
    // A page without panels: nothing but the modules under test runs.
    const { page, faults } = await openWindow(browser, `${url}?account=999`);
    await page.getByText("Não existe esta conta.").waitFor();
    await testList(page);
    await testLink(page);
    await testEndings(page);
    assert.deepEqual(faults, []);
    report.ok = true;
  } finally {
    await browser.close();
  }
}

await main().catch((error) => (report.error = error.message));
console.log(JSON.stringify(report));
process.exitCode = report.ok ? 0 : 1;
