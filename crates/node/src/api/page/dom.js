// Elements and numbers. Text from the node becomes text nodes and nothing else.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const at = (id) => document.getElementById(id);

// A table's head and rows. A column is [title, of row to child, class]; a row may have a class and be opened.
export function table(columns, rows, open, chosen = () => false) {
  const head = columns.map(([title, , kind]) => el("th", { class: kind, scope: "col" }, title));
  const body = rows.map((row) => {
    const cells = columns.map(([, show, kind]) => el("td", { class: kind }, show(row)));
    if (!open) return el("tr", {}, ...cells);
    const press = (event) => event.key === "Enter" && open(row);
    const kind = `open${chosen(row) ? " chosen" : ""}`;
    return el("tr", { class: kind, tabindex: 0, onclick: () => open(row), onkeydown: press }, ...cells);
  });
  return [el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body)];
}

export const number = (value) => {
  if (value === null || value === undefined) return "–";
  if (value > 0 && value < 10) return value.toFixed(1);
  return Math.round(value).toLocaleString("en");
};

export const duration = (us) => {
  if (us === null || us === undefined) return "–";
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1000).toPrecision(us < 1e5 ? 2 : 3)} ms`;
  return `${(us / 1e6).toFixed(1)} s`;
};

export const bytes = (size) => {
  const step = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  for (; size >= 1024 && at < step.length - 1; at += 1) size /= 1024;
  return `${size >= 10 || at === 0 ? Math.round(size) : size.toFixed(1)} ${step[at]}`;
};

export const word = (text, kind) => el("span", { class: kind }, text);
