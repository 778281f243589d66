import { getClinic, setSimulator } from "./api.js";
import { ServerClock } from "./clock.js";
import { inMilliseconds, setText } from "./element.js";
import { openWindow, Panel } from "./panel.js";

const SAY_EVERY = 2_500; // a busy clinic must not talk over a screen reader
const NOTICE_FOR = 6_000;

const $ = (id) => document.getElementById(id);
const clock = new ServerClock();
const panels = new Map(); // by account id

async function open() {
  showDay();
  let clinic;
  try {
    clinic = await getClinic();
  } catch (error) {
    $("loading").textContent = error.message;
    setTimeout(open, 2_000);
    return;
  }
  const chosen = choose(clinic.accounts);
  if (chosen.length === 0) {
    $("loading").textContent = "Não existe esta conta.";
    return;
  }
  $("loading").remove();
  document.body.classList.toggle("solo", chosen.length === 1);
  if (chosen.length === 1) document.title = `${chosen[0].name} · lista de espera`;
  for (const account of chosen) addPanel(account, clinic);
  showTabs(chosen);
  for (const account of clinic.accounts) addWindowLink(account);
  showReact(clinic.react, chosen[0]);
  clock.keep();
  listenToSwitch();
}

/** The accounts named by ?account=…, or the first two. */
function choose(accounts) {
  const wanted = new URLSearchParams(location.search).getAll("account");
  if (wanted.length === 0) return accounts.slice(0, 2);
  return accounts.filter((account) => wanted.includes(String(account.id)));
}

function addPanel(account, clinic) {
  const panel = new Panel(account, clinic, clock);
  panel.addEventListener("looked", ({ detail }) => showSwitch(detail.simulator));
  panel.addEventListener("failed", ({ detail }) => notice(detail));
  panel.addEventListener("ended", ({ detail }) => say(detail));
  panel.addEventListener("about", () => showAbout(panel));
  panels.set(account.id, panel);
  $("lists").append(panel.element);
  panel.start();
}

// Tabs are shown where only one list fits.
function showTabs(accounts) {
  const select = (id) => {
    for (const [account, panel] of panels) panel.element.classList.toggle("panel--front", account === id);
    for (const tab of $("tabs").children) tab.ariaPressed = String(tab.dataset.account === String(id));
    scrollTo(0, 0);
  };
  for (const { id, name } of accounts.length > 1 ? accounts : []) {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.className = "tab";
    tab.dataset.account = id;
    tab.textContent = name;
    tab.setAttribute("aria-controls", `account-${id}`);
    tab.addEventListener("click", () => select(id));
    $("tabs").append(tab);
  }
  select(accounts[0].id);
}

function addWindowLink({ id, name }) {
  const link = document.createElement("a");
  link.href = `/?account=${id}`;
  link.target = "_blank";
  link.rel = "noopener";
  link.textContent = name;
  link.addEventListener("click", openWindow);
  $("windows").append(link);
}

/** The way to the page that is built with React, or what it lacks. */
function showReact(built, { id }) {
  $("react-link").href = `/react/?account=${id}`;
  $("react-link").addEventListener("click", openWindow);
  $("react-link").hidden = !built;
  $("react-missing").hidden = built;
}

let switching = false;

function showSwitch(on) {
  if (!switching) $("busy").checked = on;
}

function listenToSwitch() {
  $("busy").addEventListener("change", async ({ target }) => {
    switching = true;
    const on = target.checked;
    try {
      await setSimulator(on);
    } catch (error) {
      target.checked = !on;
      notice(error.message);
    }
    switching = false;
  });
}

function showDay() {
  const now = new Date();
  const day = now.toLocaleDateString("pt-BR", { weekday: "long", day: "numeric", month: "long" });
  setText($("day"), day);
  const time = now.toLocaleTimeString("pt-BR", { hour: "2-digit", minute: "2-digit" });
  setText($("clock"), time);
  $("clock").dateTime = time;
  if (!showDay.timer) showDay.timer = setInterval(showDay, 5_000);
}

const ended = [];

/** Tells who left the list, several at a time where many do. */
function say(end) {
  ended.push(end);
  if (ended.length > 1) return;
  setTimeout(() => {
    const all = ended.splice(0);
    $("said").textContent = all.length > 3
      ? `${all.length} pessoas saíram da lista.`
      : all.map(({ name, status }) => `${name}: ${status.toLowerCase()}.`).join(" ");
  }, SAY_EVERY);
}

function notice(text) {
  const box = $("notice");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(notice.timer);
  notice.timer = setTimeout(() => (box.hidden = true), NOTICE_FOR);
}

function showAbout({ latency }) {
  setText($("about-received"), inMilliseconds(latency.medianReceived()));
  setText($("about-shown"), inMilliseconds(latency.medianShown()));
  setText($("about-clock"), clock.offset === null
    ? "ainda não medida"
    : `${clock.offset < 0 ? "−" : "+"}${inMilliseconds(Math.abs(clock.offset))} (incerteza ±${inMilliseconds(clock.error)})`);
  $("about").showModal();
}

open();
