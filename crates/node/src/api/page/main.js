// Asks for numbers while the page is seen, keeps those of the last minutes, draws them.

import { get, scoped, token } from "./api.js";
import { detail } from "./app.js";
import { at, bytes, duration, el, number, table, word } from "./dom.js";
import { plot, spark } from "./plot.js";

const OVER = 2000; // milliseconds that an answer takes, and over which its rates are meant
const POINTS = 150;
const RARELY = 3; // answers between two looks at what changes seldom

const state = { who: null, stats: null, apps: [], events: [], node: null, history: [], chosen: null, answers: 0 };

const name = (of) => `${of.tenant}/${of.app}/${of.function}`;
const sum = (list, of) => list.reduce((total, item) => total + (of(item) ?? 0), 0);
const worst = (list, of) => list.reduce((most, item) => Math.max(most, of(item) ?? 0), 0);

// What is drawn of one answer: all functions by name.
const point = (stats) => new Map(stats.functions.map((of) => [name(of), of]));
const isShown = (of) => !state.chosen || (of.tenant === state.chosen.tenant && of.app === state.chosen.app);

async function look() {
  state.who ??= await get("/v1/caller");
  const stats = await get(`${scoped(state.who, "stats")}?over=${OVER}`);
  state.stats = stats;
  state.history = [...state.history, point(stats)].slice(-POINTS);
  if (state.answers++ % RARELY === 0) {
    const seldom = [get(scoped(state.who, "apps")), get(`${scoped(state.who, "events")}?count=60`)];
    if (!state.who.tenant) seldom.push(get("/v1/node"));
    [state.apps, state.events, state.node] = await Promise.all(seldom);
    await detail(at("app"), state.chosen, state.who, again);
  }
}

function again() {
  state.answers = 0;
}

function choose(row) {
  const same = state.chosen && state.chosen.tenant === row.tenant && state.chosen.app === row.app;
  state.chosen = same ? null : { tenant: row.tenant, app: row.app };
  again();
  draw();
  detail(at("app"), state.chosen, state.who, again).catch(trouble);
}

function tiles() {
  const { functions, processes, over_seconds } = state.stats;
  const refused = sum(functions, (of) => of.refusals);
  const tile = (title, value, more) => el("div", { class: "tile" }, el("span", {}, title), el("b", {}, value), more ? el("small", {}, more) : null);
  const cpu = sum(processes, (of) => of.cpu);
  return [
    tile("requests a second", number(sum(functions, (of) => of.rate)), `over ${number(over_seconds)} s`),
    tile("slowest p99", duration(worst(functions, (of) => of.p99_us) || null)),
    tile("errors a second", number(sum(functions, (of) => of.error_rate))),
    tile("refusals", number(refused)),
    tile("processors", cpu.toFixed(2), `of ${state.stats.processors}`),
    tile("memory", bytes(sum(processes, (of) => of.memory_bytes)), `in ${processes.length}`),
    state.node ? tile("disk free", bytes(state.node.disk_free_bytes)) : null,
  ].filter(Boolean);
}

function plots() {
  const shown = state.history.map((functions) => [...functions.values()].filter(isShown));
  const series = (of) => shown.map((functions) => (functions.length ? of(functions) : null));
  const seconds = OVER / 1000;
  const rates = [["requests", "first", series((all) => sum(all, (of) => of.rate))], ["errors", "second", series((all) => sum(all, (of) => of.error_rate))]];
  plot(at("rates"), rates, POINTS, seconds, number);
  const busy = (of) => (all) => worst(all, of) || null;
  const latencies = [["p99", "first", series(busy((of) => of.p99_us))], ["p50", "third", series(busy((of) => of.p50_us))]];
  plot(at("latencies"), latencies, POINTS, seconds, duration);
  const of = state.chosen ? `of ${state.chosen.tenant}/${state.chosen.app}` : "of the slowest function";
  const [first, second] = document.querySelectorAll(".of");
  first.textContent = state.chosen ? of : "";
  second.textContent = of;
}

// Every function that serves, and every app that does not.
function rows() {
  const serving = state.stats.functions.map((of) => ({ ...of, state: "serving" }));
  const known = new Map(state.apps.map((app) => [`${app.tenant}/${app.app}`, app]));
  for (const row of serving) row.state = known.get(`${row.tenant}/${row.app}`)?.state ?? row.state;
  const idle = state.apps.filter((app) => !serving.some((row) => row.tenant === app.tenant && row.app === app.app));
  return [...serving, ...idle.map((app) => ({ ...app, function: "–", revision: app.wanted }))].sort((a, b) => name(a).localeCompare(name(b)));
}

const kinds = { serving: "good", starting: "warn", failed: "bad", down: "bad" };
const rateOf = (row) => spark(state.history.map((functions) => functions.get(name(row))?.rate ?? 0), POINTS);
const some = (value, kind) => (value ? word(number(value), kind) : word("0", "quiet"));
const FUNCTIONS = [
  ["tenant", (row) => row.tenant],
  ["app", (row) => row.app],
  ["function", (row) => row.function],
  ["state", (row) => word(row.state, kinds[row.state])],
  ["revision", (row) => `${row.revision}`, "number"],
  ["requests/s", (row) => number(row.rate), "number"],
  ["5 minutes", rateOf],
  ["p50", (row) => duration(row.p50_us), "number"],
  ["p99", (row) => duration(row.p99_us), "number"],
  ["errors/s", (row) => some(row.error_rate, "bad"), "number"],
  ["processors", (row) => row.cpu?.toFixed(2) ?? "–", "number"],
  ["memory", (row) => bytes(row.memory_bytes ?? 0), "number"],
  ["waiting", (row) => some(row.waiting, "warn"), "number"],
  ["refused", (row) => some(row.refusals, "warn"), "number"],
];

const eventKinds = { refused: "warn", denied: "warn", failed: "bad", ended: "bad", serving: "good" };
const EVENTS = [
  ["time", (event) => word(event.time.slice(0, 19).replace("T", " "), "quiet")],
  ["event", (event) => word(event.event, eventKinds[event.event])],
  ["id", (event) => el("code", {}, event.id)],
  ["of", (event) => [event.tenant, event.app, event.function].filter(Boolean).join("/")],
  ["what", (event) => [event.request, event.by, event.reason, event.count > 1 && `×${number(event.count)}`].filter(Boolean).join(" · "), "text"],
];

// A refusal is told at every doubling of its count: the newest of equal ones says all.
function events() {
  const known = new Set();
  const isNews = (event) => {
    const same = [event.tenant, event.app, event.function, event.revision, event.request, event.reason].join("\n");
    return event.event !== "refused" || (!known.has(same) && known.add(same));
  };
  return state.events.filter(isNews);
}

const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function draw() {
  if (!state.stats) return;
  const { node, who } = state;
  at("node").textContent = node ? `${node.version} · process ${node.pid} · ${many(node.cells.length, "cell")} · ${many(node.apps, "app")}` : "";
  at("who").textContent = token.get() ? who.by : "looking only";
  at("in").hidden = at("token").hidden = Boolean(token.get());
  at("out").hidden = !token.get();
  at("tiles").replaceChildren(...tiles());
  const chosen = (row) => state.chosen && row.tenant === state.chosen.tenant && row.app === state.chosen.app;
  at("functions").replaceChildren(...table(FUNCTIONS, rows(), choose, chosen));
  at("events").replaceChildren(...table(EVENTS, events()));
  plots();
}

function trouble(error) {
  at("trouble").textContent = error.status === 401 ? "Sign in with a token to look." : error.message;
}

const pause = (time) => new Promise((done) => setTimeout(done, time));
const seen = () =>
  new Promise((done) => {
    if (document.visibilityState === "visible") return done();
    document.addEventListener("visibilitychange", done, { once: true });
  });

async function live() {
  for (;;) {
    await seen();
    try {
      await look();
      at("trouble").textContent = "";
      draw();
    } catch (error) {
      trouble(error);
      await pause(OVER);
    }
  }
}

function sign(text) {
  token.set(text);
  at("token").value = "";
  state.who = null;
  again();
}

at("sign").addEventListener("submit", (event) => {
  event.preventDefault();
  sign(at("token").value.trim());
});
at("out").addEventListener("click", () => sign(null));
addEventListener("resize", draw);
live();
