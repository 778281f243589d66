// Starts Chromium and watches what its windows log, refuse and receive.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

// No sandbox: continuous integration runs as root. The rest keeps the browser
// from talking to anybody but the page.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The browser that CHROMIUM names, or the first found; with a profile of its own that is removed at the end. */
export function launch() {
  const executablePath = process.env.CHROMIUM || PLACES.find((path) => existsSync(path));
  if (!executablePath) throw new Error("no Chromium found: `make test` installs it, or set CHROMIUM");
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}

/**
 * A window in a context of its own. `frames` are those of the plain protocol, `received` is all that came by WebSocket or
 * Socket.IO's polling, as text; `asked` and `answered` are the URLs of its requests; `logged` is everything on its
 * console, `faults` what it should not do.
 */
export async function openWindow(browser, url, { width = 1440, height = 900, phone = false, calm = false } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: phone ? 2 : 1,
    isMobile: phone,
    hasTouch: phone,
    locale: "pt-BR",
    reducedMotion: calm ? "reduce" : "no-preference",
  });
  context.setDefaultTimeout(30_000);
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  const page = await context.newPage();
  const window = { page, faults: [], frames: [], received: [], asked: [], answered: [], logged: [], cutoff: false };
  page.on("console", (message) => {
    window.logged.push(message.text());
    if (message.type() !== "error" && message.type() !== "warning") return;
    // While a test keeps the daemon away, or makes the clinic refuse, the browser may say so.
    if (window.cutoff && /WebSocket connection to|Failed to load resource/.test(message.text())) return;
    window.faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => window.faults.push(`exception: ${error.message}`));
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => {
      window.received.push(payload);
      if (payload.startsWith("{")) window.frames.push(JSON.parse(payload));
    });
  });
  page.on("request", (request) => window.asked.push(request.url()));
  page.on("requestfinished", (request) => window.answered.push(request.url()));
  page.on("response", async (answer) => {
    if (!/\/socket\.io\/.*transport=polling/.test(answer.url())) return;
    window.received.push(await answer.text().catch(() => "")); // one that was cut off has none
  });
  await page.goto(url);
  return window;
}

/** The data of the events of a name that a window has received. */
export function eventsOf(window, name = "appointmnents.finished") {
  return window.frames.filter((frame) => frame.type === "event" && frame.event === name).map((frame) => frame.data);
}
