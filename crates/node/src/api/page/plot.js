// Curves over the last minutes, as SVG.

import { svg } from "./dom.js";

const LEFT = 52, RIGHT = 10, TOP = 12, BOTTOM = 20;

// A round number that is at least `value`.
function roof(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

function path(values, x, y) {
  let pen = "M";
  let line = "";
  values.forEach((value, index) => {
    if (value === null || value === undefined) return (pen = "M");
    line += `${pen}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  return line;
}

// Draws series of [name, class, values] with `points` places, the newest at the right; `show` writes a value.
export function plot(node, series, points, seconds, show) {
  const { width, height } = node.getBoundingClientRect();
  if (!width) return;
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const highest = Math.max(0, ...series.flatMap(([, , values]) => values.filter((value) => value !== null)));
  const top = roof(highest);
  const x = (index) => LEFT + ((width - LEFT - RIGHT) * index) / (points - 1);
  const y = (value) => height - BOTTOM - ((height - TOP - BOTTOM) * value) / top;
  const parts = [0, 0.5, 1].flatMap((part) => [
    svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(top * part), y2: y(top * part) }),
    svg("text", { x: LEFT - 6, y: y(top * part) + 4, "text-anchor": "end" }, show(top * part)),
  ]);
  parts.push(svg("text", { x: LEFT, y: height - 5 }, `${Math.round((points * seconds) / 60)} minutes ago`));
  parts.push(svg("text", { x: width - RIGHT, y: height - 5, "text-anchor": "end" }, "now"));
  let place = width - RIGHT;
  for (const [name, kind, values] of [...series].reverse()) {
    const offset = points - values.length;
    const line = path(values, (index) => x(index + offset), y);
    if (kind === "first" && values.length > 1) {
      parts.push(svg("path", { class: "below", d: `${line}L${x(points - 1)} ${y(0)}L${x(offset)} ${y(0)}Z` }));
    }
    parts.push(svg("path", { class: `curve ${kind}`, d: line }));
    place -= name.length * 6 + 20;
    parts.push(svg("rect", { class: `key ${kind}`, x: place, y: 3, width: 9, height: 3 }));
    parts.push(svg("text", { x: place + 13, y: 9 }, name));
  }
  node.replaceChildren(...parts);
  hover(node, series, points, { x, y, width, height, show });
}

// The values under the pointer.
function hover(node, series, points, { x, width, height, show }) {
  const hair = svg("line", { class: "hair", y1: TOP, y2: height - BOTTOM, visibility: "hidden" });
  const said = svg("text", { y: TOP + 14, visibility: "hidden" });
  node.append(hair, said);
  node.onpointermove = (event) => {
    const left = event.clientX - node.getBoundingClientRect().left;
    const index = Math.round(((left - LEFT) * (points - 1)) / (width - LEFT - RIGHT));
    const values = series.map(([name, , of]) => [name, of[index - (points - of.length)]]);
    const known = values.some(([, value]) => value !== null && value !== undefined);
    for (const part of [hair, said]) part.setAttribute("visibility", known ? "visible" : "hidden");
    if (!known) return;
    const end = left > width / 2;
    hair.setAttribute("x1", x(index));
    hair.setAttribute("x2", x(index));
    said.setAttribute("x", x(index) + (end ? -6 : 6));
    said.setAttribute("text-anchor", end ? "end" : "start");
    said.textContent = values.map(([name, value]) => `${name} ${show(value ?? 0)}`).join("   ");
  };
  node.onpointerleave = () => [hair, said].forEach((part) => part.setAttribute("visibility", "hidden"));
}

// A small curve without axes.
export function spark(values, points) {
  const top = Math.max(1e-9, ...values);
  const offset = points - values.length;
  const line = path(values, (index) => ((index + offset) * 90) / (points - 1), (value) => 18 - (16 * value) / top);
  return svg("svg", { viewBox: "0 0 90 20", "aria-hidden": "true" }, svg("path", { class: "curve first", d: line }));
}
