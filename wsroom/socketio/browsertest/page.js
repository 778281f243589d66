// One stock socket.io-client, as a page has it: the version, the server and the options are in the page's address. What it sees it tells driver.mjs by
// say(), in the words of ../stocktest/client.mjs; driver.mjs calls the commands.
const params = new URLSearchParams(location.search);
const [version, url, token] = ["version", "url", "token"].map((name) => params.get(name));
const options = JSON.parse(params.get("options"));
const report = (kind, more) => say({ page: Number(params.get("page")), kind, ...more });

let socket;
const transport = () => socket.io.engine?.transport?.name;

function connect() {
  socket = io(url, {
    reconnectionDelay: 10,
    reconnectionDelayMax: 20,
    auth: (done) => done(token ? { token } : {}),
    ...options,
  });
  socket.on("connect", () => report("connect", { recovered: socket.recovered === true, transport: transport() }));
  socket.on("connect_error", (err) => report("connect_error", { message: err.message, code: err.data?.code }));
  socket.on("disconnect", (reason) => report("disconnect", { reason }));
  socket.on("appointmnents.finished", (data) => report("event", { data, message: JSON.stringify(data) }));
}

const commands = {
  settled() {
    const done = () => report("settled", { transport: transport() });
    const upgrades = options.transports.includes("websocket") && transport() === "polling";
    upgrades ? socket.io.engine.once("upgrade", done) : done();
  },
  /** What the page may read: {"url": …, "options": fetch's}. */
  async fetch(value) {
    const { url, options } = JSON.parse(value);
    const message = await fetch(url, options).then(async (answer) => `${answer.status} ${await answer.text()}`, (error) => error.name);
    report("fetched", { message });
  },
};

const script = document.createElement("script");
script.src = `/client/${version}.js`;
script.onload = connect;
document.head.append(script);
