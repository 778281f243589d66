// The status page of the admin address, over two daemons of which the test stops one when it is told "one left".
//
//   node statuspage.mjs <url> <admin token>

import { createInterface } from "node:readline";
import { launch } from "./browser.mjs";
import { fitsItsWidth, hasContrast, isLabelled } from "./appearance.mjs";
import { check, report, shoot, tell } from "./report.mjs";

const [url, token] = process.argv.slice(2);
const windows = [];
const orders = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function open(browser, { locale, phone = false, dark = false }) {
  const context = await browser.newContext({
    locale,
    viewport: phone ? { width: 390, height: 844 } : { width: 1280, height: 900 },
    deviceScaleFactor: phone ? 2 : 1,
    isMobile: phone,
    hasTouch: phone,
    colorScheme: dark ? "dark" : "light",
    httpCredentials: { username: "anybody", password: token },
  });
  context.setDefaultTimeout(20_000);
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  const page = await context.newPage();
  const window = { page, faults: [], asked: [] };
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !/Failed to load resource/.test(message.text())) window.faults.push(message.text());
  });
  page.on("pageerror", (error) => window.faults.push(`exception: ${error.message}`));
  page.on("request", (request) => window.asked.push(request.url()));
  windows.push(window);
  await page.goto(url);
  await page.locator("article.daemon").nth(1).waitFor();
  return window;
}

const text = (window, selector) => window.page.locator(selector).innerText();

function includes(seen, ...parts) {
  for (const part of parts) if (!seen.includes(part)) throw new Error(`no ${JSON.stringify(part)} in ${JSON.stringify(seen)}`);
}

async function looksWell(window, name) {
  await fitsItsWidth(window);
  await isLabelled(window);
  await hasContrast(window);
  includes(await text(window, "body"), "notifier");
  if (/undefined|NaN|Invalid|null/.test(await text(window, "body"))) throw new Error(`a text is missing: ${await text(window, "body")}`);
  if (process.env.SHOTS) await window.page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: true });
}

const browser = await launch();
await tell(windows, async () => {
  try {
    const desktop = await open(browser, { locale: "pt-BR" });
    await check("in Portuguese, for who prefers that", async () => {
      includes(await text(desktop, "main"), "Processos", "Conexões", "Últimos eventos", "médico liberado", "Telas alcançadas", "ws 1", "socketio 1", "pronto");
      includes(await text(desktop, ".verdict"), "tudo bem");
      await looksWell(desktop, "status-pt-desktop");
    });
    const english = await open(browser, { locale: "en-GB", dark: true });
    await check("in English, and dark", async () => {
      includes(await text(english, "main"), "Daemons", "Connections", "Last events", "doctor released", "ready", "appointmnents.finished");
      await looksWell(english, "status-en-desktop-dark");
    });
    for (const [locale, dark] of [["pt-BR", true], ["en-GB", false]]) {
      const phone = await open(browser, { locale, phone: true, dark });
      await check(`on a phone, ${locale}`, () => looksWell(phone, `status-${locale.slice(0, 2)}-phone${dark ? "-dark" : ""}`));
    }
    await check("the language can be chosen", async () => {
      await english.page.getByRole("link", { name: "Português" }).click();
      await english.page.getByRole("heading", { name: "Processos" }).waitFor();
      includes(await english.page.locator("nav [aria-current]").innerText(), "Português");
    });
    await check("it tells of a new event by itself", async () => {
      console.error("event");
      await desktop.page.getByRole("cell", { name: "CANCELADO" }).waitFor();
    });
    await check("it tells that a daemon is gone", async () => {
      console.error("one left");
      await orders.next();
      await desktop.page.locator(".state.bad, article.daemon:only-child").waitFor();
      await shoot(desktop, "status-pt-one-left");
    });
    await check("it asks nobody but its daemon", () => {
      for (const window of windows) {
        for (const asked of window.asked) if (!asked.startsWith(url) && !asked.startsWith("data:")) throw new Error(asked);
        if (window.faults.length > 0) throw new Error(window.faults.join("; "));
      }
    });
  } finally {
    await browser.close();
  }
});
process.exit(report.ok ? 0 : 1);
