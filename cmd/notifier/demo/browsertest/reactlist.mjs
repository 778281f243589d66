// node reactlist.mjs URL
//
// Drives the page that is built with React and the stock socket.io-client, of a
// running `notifier demo --react …`, beside the first page: what finishes leaves
// both, a lost link is recovered without asking for the list again, and a list
// that is not shown does not listen. Prints one line of JSON and ends with
// status 0 if everything held. SHOTS=folder keeps screenshots.

import assert from "node:assert/strict";
import { fitsItsWidth, hasContrast, hasTouchTargets, isLabelled } from "./appearance.mjs";
import { launch, openWindow } from "./browser.mjs";
import { EVERYTHING, startProxy } from "./proxy.mjs";
import { check, report, shoot, tell } from "./report.mjs";

const url = process.argv[2];
const windows = [];

const rowOf = ({ page }, id) => page.locator(`.row[data-id="${id}"]`);
const gone = (window, id) => rowOf(window, id).waitFor({ state: "detached" });
const serving = ({ page }) => page.locator('.row:has(.badge[data-status="EM_ATENDIMENTO"])').first();
const idOf = async (row) => Number(await row.getAttribute("data-id"));
const finish = (window, id) => rowOf(window, id).getByRole("button", { name: /^Finalizar/ });
const is = ({ page }, state) => page.locator(`.state[data-state="${state}"]`).waitFor();
const view = ({ page }, name) => page.getByRole("button", { name, exact: true }).click();

async function open(browser, path, options) {
  const window = await openWindow(browser, new URL(path, url).href, options);
  windows.push(window);
  await is(window, "online");
  await window.page.locator(".row").first().waitFor();
  return window;
}

const looks = (urls) => urls.filter((asked) => asked.includes("/api/waiting")).length;

/** Waits for the two lists that a page in React asks for: at its start, and when it is connected. */
const settled = (window) => until(window, "two lists", () => looks(window.answered) === 2);

/** A fact of the view "Conexão", which replaces the list. */
async function fact({ page }, name) {
  return page.locator(".about__facts div").filter({ has: page.locator("dt", { hasText: name }) }).locator("dd").textContent();
}

/** The data of the events that a Socket.IO window has received, by either transport. */
function eventsOf({ received }) {
  return received
    .flatMap((text) => text.split("\x1e"))
    .filter((packet) => packet.startsWith('42["appointmnents.finished",'))
    .map((packet) => JSON.parse(packet.slice(2))[1]);
}

async function until(window, what, holds) {
  for (const end = Date.now() + 30_000; !holds();) {
    if (Date.now() > end) throw new Error(`not within 30 s: ${what}`);
    await window.page.waitForTimeout(10);
  }
}

const received = (window, id) => until(window, `event ${id}`, () => eventsOf(window).some((data) => data.id === id));

/** Appointments of an account that wait, as the clinic lists them. */
async function waiting(account) {
  const answer = await fetch(new URL(`/api/waiting?account=${account}`, url));
  return (await answer.json()).appointments.filter(({ status }) => status.code !== "EM_ATENDIMENTO").map(({ id }) => id);
}

/** Cancels as another application would: by the clinic, not by a window. */
async function cancel(account, id) {
  const answer = await fetch(new URL(`/api/appointments/${id}/status`, url), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ account, status: "CANCELADO" }),
  });
  assert.equal(answer.status, 204);
}

async function finishBesideTheFirstPage(plain, react, other) {
  await settled(react);
  const id = await idOf(serving(react));
  await check("finished in React, it leaves both pages of its account", async () => {
    await rowOf(plain, id).waitFor();
    await finish(react, id).click();
    await Promise.all([gone(react, id), gone(plain, id)]);
    await react.page.locator(".last").filter({ hasText: "1 aviso" }).filter({ hasText: "finalizado" }).waitFor();
    await shoot(react, "react-finished");
  });
  await check("the focus of the button that left stays in the list", async () =>
    assert.ok(await react.page.evaluate(() => document.activeElement.closest(".panel__list") !== null)));
  await check("cancelled on the first page, it leaves both, too", async () => {
    const [next] = await waiting(1);
    await rowOf(react, next).waitFor();
    for (let presses = 0; presses < 2; presses++) await rowOf(plain, next).locator('[data-part="cancel"]').click();
    await Promise.all([gone(react, next), gone(plain, next)]);
  });
  await check("cancelling asks twice, whatever a double click does, and leaves both", async () => {
    const [next] = await waiting(1);
    const button = rowOf(react, next).getByRole("button");
    await button.dblclick();
    assert.equal(await button.textContent(), "Confirmar?");
    await button.click();
    await Promise.all([gone(react, next), gone(plain, next)]);
  });
  await check("another account's window never hears of it", async () => {
    // Its own event, after the others, shows that it was listening.
    const own = await idOf(serving(other));
    await finish(other, own).click();
    await gone(other, own);
    assert.deepEqual(eventsOf(other).map((data) => [data.id, data.accountId]), [[own, 2]]);
    assert.ok(!other.received.some((text) => text.includes(`finished",{"id":${id},`)));
    assert.deepEqual([...new Set(eventsOf(react).map((data) => data.accountId))], [1]);
  });
}

async function loseTheLink(browser, transport, query) {
  const proxy = await startProxy(url, EVERYTHING);
  try {
    const window = await open(browser, new URL(`/react/?account=1${query}`, proxy.url).href);
    await check(`${transport}: a lost connection is told`, async () => {
      await settled(window);
      window.cutoff = true;
      proxy.cut();
      await is(window, "lost");
      assert.match(await window.page.locator(".panel__banner").textContent(), /Sem os avisos/);
      await shoot(window, `react-lost-${transport}`);
    });
    const ids = (await waiting(1)).slice(0, 3);
    await check(`${transport}: what ends meanwhile is recovered in order, and the list not asked for again`, async () => {
      for (const id of ids) await cancel(1, id);
      for (const id of ids) assert.ok(await rowOf(window, id).isVisible());
      const before = eventsOf(window).length;
      proxy.mend();
      await is(window, "online");
      await window.page.locator('.panel__banner[data-kind="back"]').filter({ hasText: "Recuperado" }).waitFor();
      for (const id of ids) await gone(window, id);
      assert.deepEqual(eventsOf(window).slice(before).map((data) => data.id), ids);
      assert.equal(looks(window.asked), 2);
      await shoot(window, `react-back-${transport}`);
    });
    await check(`${transport}: it is the transport in use, and the event live again`, async () => {
      const [next] = await waiting(1);
      await cancel(1, next);
      await gone(window, next);
      await view(window, "Conexão");
      assert.match(await fact(window, "Última volta"), /^recuperada/);
      assert.equal(await fact(window, "Transporte"), transport);
    });
    await window.page.context().close();
  } finally {
    proxy.close();
  }
}

async function leaveTheList(react) {
  const [unseen, seen] = await waiting(1);
  await check("a list that is not shown does not listen", async () => {
    assert.equal(await rowOf(react, unseen).count(), 1);
    await view(react, "Conexão");
    await react.page.locator("dd").filter({ hasText: /^0$/ }).waitFor();
    assert.equal(await fact(react, "Ouvintes de appointmnents.finished"), "0");
    await cancel(1, unseen);
    await received(react, unseen);
    await shoot(react, "react-connection");
    for (const test of [fitsItsWidth, isLabelled, hasContrast]) await test(react);
  });
  await check("shown again, it is asked for once, and listens once", async () => {
    const before = looks(react.asked);
    await view(react, "Lista de espera");
    await rowOf(react, seen).waitFor();
    assert.equal(await rowOf(react, unseen).count(), 0);
    assert.equal(looks(react.asked), before + 1);
    await cancel(1, seen);
    await gone(react, seen);
    assert.equal(await react.page.locator(".last__count").textContent(), "1 aviso");
  });
}

async function refuse(react) {
  await check("what the clinic refuses is told, and the list asked for again", async () => {
    const [id] = await waiting(1);
    const before = looks(react.asked);
    react.cutoff = true;
    await react.page.route(`**/api/appointments/${id}/status`, async (route) => {
      await cancel(1, id); // somebody else is faster
      await route.continue();
    }, { times: 1 });
    for (let presses = 0; presses < 2; presses++) await rowOf(react, id).getByRole("button").click();
    await gone(react, id);
    await react.page.getByRole("alert").filter({ hasText: "Cancelado" }).waitFor();
    await until(react, "another list", () => looks(react.asked) === before + 1);
    react.cutoff = false;
  });
}

async function answerLate(react) {
  await check("a list answered after the event does not bring the row back", async () => {
    const [late, other] = await waiting(1);
    let answer;
    const asked = new Promise((resolve) => {
      react.page.route("**/api/waiting?*", async (route) => {
        const response = await route.fetch(); // what the clinic lists now
        answer = () => route.fulfill({ response });
        resolve();
      }, { times: 1 });
    });
    await view(react, "Conexão");
    await view(react, "Lista de espera");
    await asked;
    await cancel(1, late);
    await react.page.locator(".last__count").filter({ hasText: "1 aviso" }).waitFor();
    await answer();
    await rowOf(react, other).waitFor();
    assert.equal(await rowOf(react, late).count(), 0);
  });
}

async function look(browser, plain, react) {
  await check("each page shows the way to the other", async () => {
    assert.equal(await plain.page.locator("#react-link").getAttribute("href"), "/react/?account=1");
    assert.equal(await react.page.getByRole("link", { name: "A mesma lista sem bibliotecas" }).getAttribute("href"), "/?account=1");
  });
  const phone = { width: 390, height: 844, phone: true, calm: true };
  const small = [await open(browser, "/react/?account=1", phone), await open(browser, "/?account=1", phone)];
  for (const [name, pages, width] of [["desktop", [react, plain], 1440], ["phone", small, 390], ["narrow phone", small, 320]]) {
    await check(`${name}: both pages fit, are labelled and readable`, async () => {
      for (const window of pages) {
        await window.page.setViewportSize({ width, height: 900 });
        for (const test of [fitsItsWidth, isLabelled, hasContrast]) await test(window);
        if (pages === small) await hasTouchTargets(window);
        await shoot(window, `${window === pages[0] ? "react" : "first"}-${name}`);
      }
    });
  }
  await check("of an account that does not exist nothing is asked", async () => {
    const nobody = await openWindow(browser, new URL("/react/?account=999", url).href);
    await nobody.page.getByText("Não existe esta conta.").waitFor();
    assert.deepEqual(nobody.received, []);
  });
}

await tell(windows, async () => {
  const browser = await launch();
  try {
    const plain = await open(browser, "/?account=1");
    const react = await open(browser, "/react/?account=1");
    const other = await open(browser, "/react/?account=2");
    await finishBesideTheFirstPage(plain, react, other);
    await leaveTheList(react);
    await answerLate(react);
    await refuse(react);
    await loseTheLink(browser, "websocket", "");
    await loseTheLink(browser, "polling", "&transport=polling");
    await look(browser, plain, react);
    await check("nothing broke the content policy, and nothing of ours was logged", () => {
      assert.deepEqual(windows.flatMap((window) => window.faults), []);
      const browsers = /WebSocket connection to|Failed to load resource/; // while a link is cut, or the clinic refuses
      assert.deepEqual(windows.flatMap((window) => window.logged).filter((text) => !browsers.test(text)), []);
    });
  } finally {
    await browser.close();
  }
});
