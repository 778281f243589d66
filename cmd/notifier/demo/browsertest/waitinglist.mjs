// node waitinglist.mjs URL
//
// Drives the waiting list of a running `notifier demo` in headless Chromium:
// two windows of one account, one of another, a phone. Prints one line of JSON
// and ends with status 0 if everything held. SHOTS=folder keeps screenshots.

import assert from "node:assert/strict";
import { fitsItsWidth, hasContrast, hasTouchTargets, isLabelled } from "./appearance.mjs";
import { eventsOf, launch, openWindow } from "./browser.mjs";
import { startProxy, WEBSOCKET } from "./proxy.mjs";
import { check, report, shoot, tell } from "./report.mjs";

const url = process.argv[2];
const windows = [];

const rowOf = ({ page }, id) => page.locator(`.row[data-id="${id}"]`);
const inGroup = ({ page }, code) => page.locator(`[data-group="${code}"] .row:not(.row--leaving)`);
const idOf = async (row) => Number(await row.getAttribute("data-id"));
const next = (row) => row.locator('[data-part="next"]');
const doctorIs = ({ page }, id, busy) => page.locator(`.doctor[data-id="${id}"][data-busy="${busy}"]`).waitFor();
const online = ({ page }) => page.locator('[data-part="state"][data-state="online"]').first().waitFor();

async function open(browser, at, options) {
  const window = await openWindow(browser, at, options);
  windows.push(window);
  await online(window);
  await window.page.locator(".row").first().waitFor();
  return window;
}

/** The doctors that a window shows, as [{id, busy, name}]. */
function doctorsIn({ page }) {
  return page.locator(".doctor").evaluateAll((items) =>
    items.map((item) => ({ id: Number(item.dataset.id), busy: item.dataset.busy, name: item.title.split(",")[0] })));
}

async function doctorOf(window, row) {
  const name = await row.locator('[data-part="doctor"]').textContent();
  return (await doctorsIn(window)).find((doctor) => doctor.name === name);
}

/** Waits until a window has received the event of an appointment. */
async function received(window, id) {
  for (const end = Date.now() + 30_000; Date.now() < end;) {
    if (eventsOf(window).some((data) => data.id === id)) return;
    await window.page.waitForTimeout(20);
  }
  throw new Error(`no event of appointment ${id}`);
}

async function finishInTwoWindows(one, two, other) {
  const id = await idOf(inGroup(one, "EM_ATENDIMENTO").first());
  const row = rowOf(one, id);
  const doctor = await doctorOf(one, row);
  await check("the doctor of an appointment under way is shown busy", () => assert.equal(doctor.busy, "true"));
  await check("a finished appointment leaves both windows of its account", async () => {
    await rowOf(two, id).waitFor();
    await next(row).click();
    await rowOf(one, id).and(one.page.locator(".row--leaving")).locator(".row__took").waitFor();
    await shoot(one, "leaving");
    for (const window of [one, two]) {
      await rowOf(window, id).waitFor({ state: "detached" });
      await received(window, id);
    }
  });
  await check("the focus of the button that left stays in the list", async () => {
    assert.ok(await one.page.evaluate(() => document.activeElement.closest(".panel__list") !== null));
  });
  await check("its doctor becomes free in both, by an event", async () => {
    await doctorIs(one, doctor.id, false);
    await doctorIs(two, doctor.id, false);
    assert.ok(eventsOf(two, "doctors.busy").some((data) => data.id === doctor.id && !data.isBusy));
  });
  await check("another account never hears of it", async () => {
    // Its own event, after the other's, shows that it was listening.
    const own = inGroup(other, "EM_ATENDIMENTO").first();
    const ownId = await idOf(own);
    await next(own).click();
    await rowOf(other, ownId).waitFor({ state: "detached" });
    await received(other, ownId);
    assert.deepEqual(eventsOf(other).map((data) => [data.id, data.accountId]), [[ownId, 2]]);
    assert.ok(!JSON.stringify(other.frames).includes(`"id":${id},`), "a frame names the other account's appointment");
    assert.ok([one, two].every((window) => eventsOf(window).every((data) => data.accountId === 1)));
  });
}

async function receiveAndStart(one, two) {
  // The other window has notifier and nothing else.
  two.cutoff = true;
  await two.page.route("**/api/waiting*", (route) => route.abort());
  await check("a check-in and a start reach the other window by events alone, the doctor busy with it", async () => {
    const arriving = await idOf(inGroup(one, "AGENDADO").first());
    await next(rowOf(one, arriving)).click();
    await two.page.locator(`[data-group="CHECKIN"] .row[data-id="${arriving}"]`).waitFor();
    const able = inGroup(one, "CHECKIN").filter({ has: one.page.locator('[data-part="next"][aria-disabled="false"]') }).first();
    const id = await idOf(able);
    const doctor = await doctorOf(one, able);
    await next(able).click();
    await two.page.locator(`[data-group="EM_ATENDIMENTO"] .row[data-id="${id}"]`).waitFor();
    await doctorIs(two, doctor.id, true);
    for (const [name, of] of [["appointments.checkin", arriving], ["appointments.serving", id], ["doctors.busy", doctor.id]]) {
      assert.ok(eventsOf(two, name).some((data) => data.id === of), `no ${name} came`);
    }
  });
  await two.page.unroute("**/api/waiting*");
  two.cutoff = false;
  await check("cancelling asks twice and leaves both windows", async () => {
    const id = await idOf(inGroup(one, "AGENDADO").nth(1));
    const cancel = rowOf(one, id).locator('[data-part="cancel"]');
    await cancel.click();
    assert.equal(await cancel.textContent(), "Confirmar?");
    await cancel.click();
    await rowOf(one, id).waitFor({ state: "detached" });
    await rowOf(two, id).waitFor({ state: "detached" });
    assert.equal(eventsOf(two).at(-1).status.name, "Cancelado");
  });
}

async function loseTheDaemon(browser) {
  const proxy = await startProxy(url, WEBSOCKET);
  try {
    const window = await open(browser, `${proxy.url}?account=1`);
    // The welcome asks for the whole list, and that look may still be owed: it would rightly take away a row that ends now.
    await window.page.waitForResponse((answer) => answer.url().includes("/api/waiting"));
    window.cutoff = true;
    proxy.cut();
    await check("a lost connection is visible", async () => {
      await window.page.locator('[data-part="state"][data-state="lost"]').waitFor();
      assert.match(await window.page.locator('[data-part="banner"]').textContent(), /Sem os avisos/);
      await shoot(window, "lost");
    });
    const id = await idOf(inGroup(window, "EM_ATENDIMENTO").first());
    const row = rowOf(window, id); // this one, whatever becomes the first of its group meanwhile
    await check("without the event a finished row stays, whatever the clinic's API says", async () => {
      const looks = window.page.waitForResponse((answer) => answer.url().includes("/api/waiting"));
      await next(row).click();
      await looks;
      const answer = await window.page.waitForResponse((response) => response.url().includes("/api/waiting"));
      const { appointments } = await answer.json();
      assert.ok(appointments.every((appointment) => appointment.id !== id), "the clinic still lists it");
      await next(row).filter({ hasText: "Aguardando o aviso" }).waitFor();
      assert.equal(eventsOf(window).length, 0);
    });
    await check("it leaves when the connection is back", async () => {
      proxy.mend();
      await online(window);
      await rowOf(window, id).waitFor({ state: "detached" });
      report.recovered = window.frames.filter((frame) => frame.type === "welcome").at(-1).recovered;
      window.cutoff = false;
    });
    await window.page.context().close();
  } finally {
    proxy.close();
  }
}

async function keepBusy(one, other) {
  await check("the switch keeps the clinic busy, for every window", async () => {
    const before = other.frames.length;
    await one.page.locator(".switch").click();
    await other.page.locator("#busy:checked").waitFor({ state: "attached" });
    for (const end = Date.now() + 30_000; other.frames.slice(before).filter(({ type }) => type === "event").length < 3;) {
      if (Date.now() > end) throw new Error("no events of the account in 30 s");
      await other.page.waitForTimeout(50);
    }
    await shoot(one, "busy");
    await one.page.locator(".switch").click();
    await other.page.locator("#busy:not(:checked)").waitFor({ state: "attached" });
  });
}

async function look(browser, one) {
  await check("the time from COMMIT to screen is shown", async () => {
    const [last, median] = await Promise.all(["last", "median"].map((name) => one.page.locator(`[data-part="${name}"]`).first().textContent()));
    assert.match(last, /^[\d.,]+ ms$/);
    assert.match(median, /^[\d.,]+ ms$/);
    report.median = median;
    await one.page.locator('[data-part="about"]').first().click();
    await one.page.locator("#about[open]").waitFor();
    await hasContrast(one);
    await shoot(one, "about");
    await one.page.keyboard.press("Escape");
  });
  const both = await open(browser, url);
  await check("what the page in React lacks here is told", async () => {
    await both.page.getByText("não foi montada: ela precisa do Node.js com npm").waitFor();
    assert.equal(await both.page.locator("#react-link").isVisible(), false);
  });
  await check("the desktop page fits, is labelled and readable", async () => {
    assert.equal(await both.page.locator(".panel").count(), 2);
    await fitsItsWidth(both);
    await isLabelled(both);
    await hasContrast(both);
    await shoot(both, "desktop");
  });
  const phone = await open(browser, url, { width: 390, height: 844, phone: true, calm: true });
  await check("the phone page fits, is labelled, readable and fit for fingers", async () => {
    await fitsItsWidth(phone);
    await isLabelled(phone);
    await hasContrast(phone);
    await hasTouchTargets(phone);
    await shoot(phone, "phone");
    await phone.page.locator(".tab").nth(1).tap();
    await phone.page.locator("#account-2").waitFor();
    assert.equal(await phone.page.locator("#account-1").isVisible(), false);
    await fitsItsWidth(phone);
  });
  await check("an account that does not exist is told", async () => {
    const nobody = await openWindow(browser, `${url}?account=999`);
    await nobody.page.getByText("Não existe esta conta.").waitFor();
  });
}

await tell(windows, async () => {
  const browser = await launch();
  try {
    const one = await open(browser, `${url}?account=1`);
    const two = await open(browser, `${url}?account=1`);
    const other = await open(browser, `${url}?account=2`);
    await finishInTwoWindows(one, two, other);
    await receiveAndStart(one, two);
    await loseTheDaemon(browser);
    await keepBusy(one, other);
    await look(browser, one);
    await check("nothing was logged as an error, nothing broke the content policy", () =>
      assert.deepEqual(windows.flatMap((window) => window.faults), []));
  } finally {
    await browser.close();
  }
});
