// A map of numbers: one row per query, one column per key.
import { draw, fill, make, moved, on, opacity, signed, tint, under, visible } from "./core.js";

const text = (x, y, content, { turn = 0, ...more } = {}) =>
  draw("text", { transform: `translate(${x} ${y}) rotate(${turn})`, ...more }, content);
const shorten = (token) => visible(token.replace(/^(.{11}).{2,}$/su, "$1…"));
const brief = (x) => (Math.abs(x) < 0.005 ? "0" : x.toFixed(Math.abs(x) < 9.95 ? 2 : 0))
  .replace(/^(-?)0\./, "$1.").replace("-", "−").replace(/^1\.00$/, "1");

// The least height of the ground of a chosen word.
const HIGH = 17;

export const MAP = `
.plot { position: relative; width: max-content; }
.plot > div { position: absolute; }
.plot svg { position: relative; display: block; cursor: crosshair; }
.plot svg:focus-visible { outline-offset: -2px; border-radius: 6px; }
.cells > * { position: absolute; inset: 0; animation: appear var(--move) var(--ease); }
@keyframes appear { from { opacity: 0.2; } }
.wide { max-width: 100%; scrollbar-width: thin; }
.grid { stroke: var(--raised); }
.ring { fill: none; stroke: var(--ink); stroke-width: 2; }
svg text:not(.chosen) { font-weight: 400; } svg .chosen { font-weight: 600; }
.query-ground { fill: var(--mark); } svg text.query.chosen { fill: #182126; }
.key-ground { fill: var(--raised); stroke: var(--key); stroke-width: 1.5; }`;

// `point` gets the query and key that the pointer or an arrow key leads to, or a query alone,
// where the pointer is at its word.
export const map = (tokens, queries, { at, point }) => {
  const keys = tokens.length;
  const offset = keys - queries;
  const names = tokens.map(shorten);
  let left, top, cell, words, fits;
  const cells = make("div", { class: "cells" });
  const [labels, grid, numbers, marks] = Array.from({ length: 4 }, () => draw("g"));
  const look = (event) => {
    const { x, y } = cells.getBoundingClientRect();
    const [q, k] = under(event, cells, [queries, keys]);
    if (event.clientX < x) point(q);
    else point(event.clientY < y ? at()[0] : q, k, event);
  };
  const svg = draw("svg", { role: "img", tabindex: 0, "aria-label":
    "Attention map: one row per query, one column per key; move with the arrow keys",
    onpointermove: look, onpointerdown: look, onpointerleave: () => point(...at()),
    onkeydown: (event) => {
      const to = moved(event, at(), [queries, keys]);
      if (`${to}` !== `${at()}`) point(...to);
    } }, grid, labels, numbers, marks);
  const node = make("div", { class: "wide map" }, make("div", { class: "plot" }, cells, svg));

  const pen = make("canvas").getContext("2d");
  const breadth = (name) => Math.ceil(1.05 * pen.measureText(name).width) + 4;

  const layout = (width, height) => {
    const size = Math.min(width, height) / keys < 26 ? 11 : 13;
    pen.font = `600 ${size}px ${getComputedStyle(node).getPropertyValue("--serif")}`;
    const longest = Math.max(...names.map(breadth));
    left = Math.max(longest, 52) + 8;
    const fit = (top) => Math.max(1, Math.min(46, Math.floor(Math.min((width - left - 4) / keys, (height - top - 4) / queries))));
    const turn = fit(36) < longest;
    top = Math.max(turn ? longest + 12 : 24, 36);
    cell = fit(top);
    const [w, h] = [cell * keys, cell * queries];
    fits = left + w + 4 <= width;
    fill(cells, { style: `left:${left}px;top:${top}px;width:${w}px;height:${h}px` });
    fill(svg, { width: left + w + 4, height: top + h + Math.max(4, (HIGH - cell) / 2 + 1), "font-size": size });
    const every = Math.ceil(12 / cell);
    const middle = (i) => (i + 0.5) * cell;
    const row = (i, more) => text(left - 8, top + middle(i) + 4, names[i + offset], { class: "query", "text-anchor": "end", ...more });
    const column = (i, more) => (turn
      ? text(left + middle(i) + 4, top - 8, names[i], { turn: -90, class: "key", ...more })
      : text(left + middle(i), top - 8, names[i], { class: "key", "text-anchor": "middle", ...more }));
    const axis = { "text-anchor": "end", "font-size": 11, class: "soft" };
    labels.replaceChildren(text(left - 8, top - 20, "key →", axis), text(left - 8, top - 6, "query ↓", axis));
    const each = (n, word) => Array.from({ length: Math.ceil(n / every) }, (_, i) => [i * every, word(i * every)]);
    words = [each(queries, row), each(keys, column)];
    labels.append(...words.flat().map(([, word]) => word));
    const lines = (n, draw) => Array.from({ length: n - 1 }, (_, i) => draw((i + 1) * cell)).join("");
    grid.replaceChildren(cell < 8 ? "" : draw("path", { class: "grid", "stroke-width": cell < 20 ? 1 : 3, d:
      lines(keys, (x) => `M${left + x} ${top}v${h}`) + lines(queries, (y) => `M${left} ${top + y}h${w}`) }));
    Object.assign(out, { row, column, turn });
  };

  const box = (x, y, width, height, more) => draw("rect", { x, y, width, height, rx: 3, ...more });

  // Mark a query and a key: their words, and their cell alone, so that no other is covered.
  const mark = (q, k) => {
    const [x, y] = [left + k * cell, top + q * cell];
    const high = Math.max(Math.min(cell - 2, 22), HIGH);
    const frame = Math.max(cell + 1, 8);
    const [across, along] = [names[q + offset], names[k]].map((name) => breadth(name) + 2);
    const chosen = [out.row(q, { class: "query chosen" }), out.column(k, { class: "key chosen" })];
    // Words are as close to each other as they can be: the chosen one replaces its neighbours.
    [q, k].forEach((at, axis) => words[axis].forEach(([i, word]) =>
      fill(word, { visibility: Math.abs(i - at) * cell < 14 ? "hidden" : "visible" })));
    marks.replaceChildren(
      box(left - 8 - across, y + (cell - high) / 2, across + 4, high, { class: "query-ground" }),
      out.turn ? box(x + (cell - high) / 2, top - 8 - along, high, along + 4, { class: "key-ground" })
        : box(x, top - 24, cell, 20, { class: "key-ground" }), ...chosen,
      box(x + (cell - frame) / 2, y + (cell - frame) / 2, frame, frame, { class: "ring" }));
    if (fits) return;
    const view = node.getBoundingClientRect();
    if (x < node.scrollLeft + left || x + cell > node.scrollLeft + view.width) node.scrollLeft = x - view.width / 2;
  };

  // Weights by the strength of their colours, or scores in the colours of plus and minus.
  const show = (values, fractions, scored) => {
    if (scored) cells.replaceChildren(signed(fractions, keys));
    else cells.replaceChildren(tint(make("div"), fractions, keys));
    numbers.replaceChildren(...(cell < 28 ? [] : Array.from(values, (value, i) => {
      if (isNaN(fractions[i]) || (!scored && value < 0)) return "";
      const strength = Math.abs(fractions[i]);
      return text(left + ((i % keys) + 0.5) * cell, top + (Math.floor(i / keys) + 0.5) * cell + 4, brief(value),
        { "text-anchor": "middle", "font-size": 11, class: "number", style: `fill: ${on(strength, !scored ? "weight" : value < 0 ? "minus" : "plus")}` });
    })));
  };

  // The cells as squares of an SVG, for a copy of the drawing.
  const squares = (fractions) => {
    const paths = {};
    fractions.forEach((value, i) => {
      const strength = Math.round(255 * opacity(Math.abs(value)));
      const name = `${value < 0 ? "#b8420e" : value >= 0 && cells.querySelector(".signed") ? "#5140b3" : "#0b6e70"} ${strength}`;
      if (!isNaN(value)) paths[name] = `${paths[name] ?? ""}M${i % keys} ${Math.floor(i / keys)}h1v1h-1z`;
    });
    return draw("g", { transform: `translate(${left} ${top}) scale(${cell})`, "shape-rendering": "crispEdges" },
      ...Object.entries(paths).map(([name, d]) => {
        const [colour, strength] = name.split(" ");
        return draw("path", { fill: colour, "fill-opacity": (strength / 255).toFixed(3), d });
      }));
  };

  const out = { node, svg, marks, layout, mark, show, squares };
  return out;
};
