// Pages in one headless Chromium, driven by the Go test that started this program: commands come in as JSON lines on standard input, what the pages report
// goes out as JSON lines on standard output, each with its page's number. It ends with its input.
//
//   {"page":1,"open":"http://…"}                        alone in its context
//   {"page":1,"do":{"name":"…","value":"…"}}            a command of page.js, in the innermost frame
//   {"page":1,"close":true}
import { createInterface } from "node:readline";
import { launch } from "../../../cmd/notifier/demo/browsertest/browser.mjs";

const browser = await launch();
const windows = new Map(); // by the page in them
const idle = []; // a new window takes longer than most tests
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const fault = (page, { message }) => say({ page, kind: "fault", message });

async function newWindow() {
  const window = await (await browser.newContext()).newPage();
  await window.exposeFunction("say", say);
  return window;
}

async function open(page, url) {
  const window = idle.pop() ?? (await newWindow());
  windows.set(page, window);
  window.on("pageerror", (error) => fault(page, error));
  await window.goto(url);
}

async function close(page) {
  const window = windows.get(page);
  window.removeAllListeners("pageerror");
  await window.frames().at(-1).evaluate(() => socket?.disconnect());
  await window.context().clearCookies();
  idle.push(window);
}

async function run(page, command) {
  if (command.open) await open(page, command.open);
  if (command.do) await windows.get(page).frames().at(-1).evaluate(({ name, value }) => commands[name](value), command.do);
  if (command.close) await close(page);
}

const turns = new Map(); // a page's commands follow one another
for await (const line of createInterface({ input: process.stdin })) {
  const { page, ...command } = JSON.parse(line);
  const before = turns.get(page) ?? Promise.resolve();
  turns.set(page, before.then(() => run(page, command)).catch((error) => fault(page, error)));
}
await Promise.all(turns.values());
await browser.close();
