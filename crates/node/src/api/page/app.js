// One app: its revisions, grants, refusals and log.

import { change, get, text } from "./api.js";
import { el, number, table, word } from "./dom.js";

const time = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");

// A line of the log for people; what is no JSON stands as it is.
function line(written) {
  try {
    const of = JSON.parse(written);
    const at = of.time?.slice(11, 23) ?? "";
    if (of.event === "request") return `${at} ${of.method} ${of.path} ${of.status} ${number(of.duration_us)} µs${of.cause ? `: ${of.cause}` : ""}`;
    if (of.event === "guest") return `${at} ${of.function} | ${of.text}`;
    if (of.event === "refused") return `${at} ${of.function} refused: ${of.request}: ${of.reason} (event ${of.id ?? "not recorded"})`;
    return `${at} ${written}`;
  } catch {
    return written;
  }
}

function revisions(rows, app, act) {
  const columns = [
    ["revision", (row) => `${row.revision}`, "number"],
    ["version", (row) => row.version],
    ["deployed", (row) => word(row.created ? time(row.created) : "restored", "quiet")],
    ["", (row) => mark(row, app)],
  ];
  if (act) columns.push(["", (row) => (row.revision === app.serving ? "" : el("button", { onclick: () => act(row) }, "serve this one"))]);
  return el("div", { class: "wide" }, el("table", {}, ...table(columns, rows)));
}

function mark(row, app) {
  if (row.revision === app.serving) return word("serving", "good");
  return row.failed ? word(`failed: ${row.failed}`, "bad") : "";
}

function grants(functions) {
  const rows = functions.flatMap((of) => of.grants.map((grant) => ({ ...grant, function: of.function })));
  const columns = [
    ["function", (row) => row.function],
    ["grant", (row) => el("code", {}, row.grant)],
    ["used", (row) => (row.used === null ? word("at the start", "quiet") : number(row.used)), "number"],
    ["refused", (row) => (row.refused ? word(number(row.refused), "warn") : word("0", "quiet")), "number"],
    ["enough would be", (row) => enough(row), "text"],
  ];
  return el("div", { class: "wide" }, el("table", {}, ...table(columns, rows)));
}

function enough(row) {
  if (row.smallest.length === 0) return word("nothing so far", "quiet");
  if (row.smallest.length === 1 && row.smallest[0] === row.grant) return "";
  return el("code", {}, row.smallest.join("\n"));
}

function refusals(functions) {
  const rows = functions.flatMap((of) => of.refused.map((refused) => ({ ...refused, function: of.function })));
  if (rows.length === 0) return el("p", { class: "quiet" }, "Nothing was refused.");
  const columns = [
    ["function", (row) => row.function],
    ["asked for", (row) => el("code", {}, row.request)],
    ["why not", (row) => row.reason, "text"],
    ["times", (row) => number(row.count), "number"],
    ["if it is meant, add", (row) => (row.add ? el("code", {}, `"${row.add}",`) : word("no grant can allow it", "quiet"))],
  ];
  return el("div", { class: "wide" }, el("table", {}, ...table(columns, rows)));
}

// Draws the chosen app into `place`; `changed` is called after something was changed.
export async function detail(place, chosen, who, changed) {
  place.hidden = !chosen;
  if (!chosen) return place.replaceChildren();
  const base = `/v1/tenants/${chosen.tenant}/apps/${chosen.app}`;
  // An app that does not serve has no grants in use.
  const [app, rows, seen, log] = await Promise.all([get(base), get(`${base}/revisions`), get(`${base}/grants`).catch(() => []), text(`${base}/logs?lines=60`)]);
  const act = who.role === "deploy" || who.role === "admin";
  const done = (problem) => {
    note.textContent = problem?.message ?? "";
    changed();
  };
  const note = el("span", { class: "bad", role: "alert" });
  const back = (row) => change("POST", `${base}/rollback`, { revision: row.revision }).then(done, done);
  const gone = () => confirm(`Remove ${chosen.app} with all its revisions?`) && change("DELETE", base).then(done, done);
  const head = el("header", {}, el("h2", {}, `${app.tenant}/${app.app} ${app.version}`), word(app.state, app.state === "serving" ? "good" : "bad"), note);
  if (act) head.append(el("button", { onclick: gone }, "remove"));
  const lines = el("pre", {}, log.trimEnd().split("\n").map(line).join("\n"));
  const scrolled = place.querySelector("pre");
  const end = !scrolled || scrolled.scrollTop + scrolled.clientHeight >= scrolled.scrollHeight - 4;
  const [top, bottom] = [scrolled?.scrollTop ?? 0, end];
  place.replaceChildren(
    head,
    app.reason ? el("p", { class: "bad" }, app.reason) : "",
    el("div", { class: "columns" },
      el("div", {}, el("h3", {}, "Revisions"), revisions(rows, app, act ? back : null)),
      el("div", {}, el("h3", {}, "Grants"), grants(seen))),
    el("h3", {}, "Refused"), refusals(seen),
    el("h3", {}, "Log"), lines,
  );
  lines.scrollTop = bottom ? lines.scrollHeight : top;
}
