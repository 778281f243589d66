// node modules.mjs URL
//
// Tests modules of the page alone, in the browser that runs them: the rules of
// the list and of the doctors (they change by events), and the client, on a
// WebSocket and a clock of the test's own.
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
    window.event = (id, ms) => ({ id, updatedAt: at(ms), startTime: "09:00", status: { id: 2, name: "" }, procedures: [{ id: 1, name: "Consulta" }] });
    window.list = () => new WaitingList();
    window.ids = (l) => [...l.rows.keys()];
  });
  await check("a whole snapshot is the truth, and says what went", page, () => {
    const l = list();
    l.take([row(1, 10), row(2, 10)], true);
    return [l.take([row(2, 20, "CHECKIN")], true), ids(l), l.rows.get(2).status.code];
  }, [[1], [2], "CHECKIN"]);
  await check("one between adds new bookings, and moves and takes nothing away", page, () => {
    const l = list();
    l.take([row(1, 10), row(2, 10)], true);
    l.take([row(2, 20, "CHECKIN"), row(3, 20), row(4, 20, "CHECKIN")], false);
    return [ids(l), l.rows.get(2).status.code];
  }, [[1, 2, 3], "AGENDADO"]);
  await check("an event moves its row, or brings it", page, () => {
    const l = list();
    l.take([row(1, 10)], true);
    l.change(event(1, 20), "CHECKIN", 5);
    l.change(event(2, 20), "EM_ATENDIMENTO", 5);
    return [l.in("CHECKIN").map(({ id }) => id), l.in("EM_ATENDIMENTO").map(({ id, procedures }) => [id, procedures])];
  }, [[1], [[2, ["Consulta"]]]]);
  await check("a snapshot that was asked for before an event does not take away what it brought", page, () => {
    const l = list();
    l.change(event(1, 20), "CHECKIN", 5);
    return [l.take([], true, 4), ids(l), l.take([], true, 6), ids(l)];
  }, [[], [1], [1], []]);
  await check("one that has ended by now is left to its own event", page, () => {
    const l = list();
    l.take([row(1, 10, "CHECKIN")], true);
    l.change(event(1, 20), "FINALIZADO", 5);
    return l.rows.get(1).status.code;
  }, "CHECKIN");
  await check("an event takes its row away, once", page, () => {
    const l = list();
    l.take([row(1, 10), row(2, 10)], true);
    return [l.end(ended(1, 30)).id, l.end(ended(1, 30)), ids(l)];
  }, [1, null, [2]]);
  await check("nothing from before its end brings a row back, whichever came first", page, () => {
    const l = list();
    l.end(ended(1, 30));
    l.take([row(1, 10)], true);
    l.take([row(1, 30, "EM_ATENDIMENTO")], true);
    l.change(event(1, 20), "CHECKIN", 5);
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
  await check("an older snapshot or event does not undo a newer one", page, () => {
    const l = list();
    l.take([row(1, 20, "CHECKIN")], true);
    l.take([row(1, 10, "AGENDADO")], true);
    l.change(event(1, 15), "EM_ATENDIMENTO", 5);
    return l.rows.get(1).status.code;
  }, "CHECKIN");
  await check("rows are by time, then by id", page, () => {
    const l = list();
    l.take([row(3, 1, "CHECKIN", "10:00"), row(2, 1, "CHECKIN", "10:00"), row(9, 1, "CHECKIN", "09:30"), row(1, 1)], true);
    return l.in("CHECKIN").map(({ id }) => id);
  }, [9, 2, 3]);
}

async function testDoctors(page) {
  await page.evaluate(async () => {
    const { DoctorStates } = await import("/waiting.js");
    window.doctor = (id, isBusy) => ({ id, name: `Dr. ${id}`, isBusy });
    window.doctors = () => new DoctorStates();
    window.busy = (d) => d.all.map(({ id, isBusy }) => [id, isBusy]);
  });
  await check("a doctor's state is the first snapshot's, then the events'", page, () => {
    const d = doctors();
    d.take([doctor(1, false), doctor(2, true)], true, 10);
    d.hear({ id: 1, accountId: 1, isBusy: true }, 20);
    d.take([doctor(1, false), doctor(2, false), doctor(3, true)], false, 30);
    return busy(d);
  }, [[1, true], [2, true], [3, true]]);
  await check("a whole snapshot counts, but for what was heard since it was asked for", page, () => {
    const d = doctors();
    d.take([doctor(1, false), doctor(2, false)], true, 10);
    d.hear({ id: 1, accountId: 1, isBusy: true }, 20);
    d.hear({ id: 2, accountId: 1, isBusy: true }, 40);
    d.take([doctor(1, false), doctor(2, false)], true, 30);
    return busy(d);
  }, [[1, false], [2, true]]);
  await check("a doctor who is gone goes, and one who is unknown is left to the next look", page, () => {
    const d = doctors();
    d.take([doctor(1, false), doctor(2, false)], true, 10);
    d.hear({ id: 1, accountId: 1, deletedAt: new Date(30).toISOString() }, 20);
    d.hear({ id: 9, accountId: 1, isBusy: true }, 20);
    return busy(d);
  }, [[2, false]]);
}

/** Gives the page's client sockets that do what the test says. */
async function prepareClient(page) {
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.evaluate(async () => {
    const { connect } = await import("/notifier-client.js");
    window.settle = async () => { for (let i = 0; i < 20; i++) await Promise.resolve(); };
    const made = [];
    window.WebSocket = class extends EventTarget {
      readyState = 1;
      sent = [];
      constructor(target, protocols) {
        super();
        Object.assign(this, { target: target.replace(location.host, "host"), protocols });
        made.push(this);
      }
      send(text) { this.sent.push(JSON.parse(text)); }
      close() {}
      get(frame) { this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) })); }
      end(code) { this.dispatchEvent(new CloseEvent("close", { code })); }
    };
    let tokens = 0;
    window.made = made;
    window.client = connect({ url: "/ws", token: async () => `t${++tokens}` });
    await settle();
    made[0].get({ type: "welcome", accountId: "1", cursor: "1-7", recovered: false, expiresAt: "2030-01-01T00:00:00Z" });
  });
}

// What it does in time is tested in Node (wsroom/client/test); here, that a real window is what it takes it for.
async function testClient(page) {
  await prepareClient(page);
  await check("the client finds its server from the page's own address", page, () =>
    [made[0].target, made[0].protocols, client.status.state],
  ["ws://host/ws", ["notifier.v1", "bearer.t1"], "online"]);
  await check("a window whose network is back asks whether its link works", page, async () => {
    dispatchEvent(new Event("online"));
    await settle();
    return made[0].sent;
  }, [{ type: "auth", token: "t2" }]);
  await page.clock.runFor(5_000);
  await check("and replaces it if nothing answers, with its cursor", page, async () => {
    await settle();
    return [made.length, made[1].target, made[1].protocols[1]];
  }, [2, "ws://host/ws?cursor=1-7", "bearer.t3"]);
  await check("a window that is looked at again does not wait", page, async () => {
    made[1].end(1012);
    const { state } = client.status;
    document.dispatchEvent(new Event("visibilitychange"));
    await settle();
    return [state, made.length];
  }, ["waiting", 3]);
  await page.evaluate(() => made[2].end(4403));
  await page.clock.runFor(3_600_000);
  await check("who is refused stays away", page, () => [made.length, client.status.state], [3, "stopped"]);
}

async function main() {
  const browser = await launch();
  try {
    // A page without panels: nothing but the modules under test runs.
    const { page, faults } = await openWindow(browser, `${url}?account=999`);
    await page.getByText("Não existe esta conta.").waitFor();
    await testList(page);
    await testDoctors(page);
    await testClient(page);
    assert.deepEqual(faults, []);
    report.ok = true;
  } finally {
    await browser.close();
  }
}

await main().catch((error) => (report.error = error.message));
console.log(JSON.stringify(report));
process.exitCode = report.ok ? 0 : 1;
