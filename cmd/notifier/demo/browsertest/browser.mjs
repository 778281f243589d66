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

/** A window in a context of its own, with everything it should not do in `faults`. */
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
  const window = { page, faults: [], frames: [], cutoff: false };
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    // While a test keeps the WebSocket away, the browser may say so.
    if (window.cutoff && /WebSocket connection to/.test(message.text())) return;
    window.faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => window.faults.push(`exception: ${error.message}`));
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => window.frames.push(JSON.parse(payload)));
  });
  await page.goto(url);
  return window;
}

/** The data of the events that a window has received. */
export function eventsOf(window) {
  return window.frames.filter((frame) => frame.type === "event").map((frame) => frame.data);
}
