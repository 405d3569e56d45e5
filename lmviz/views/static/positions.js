import { View, choice, define, draw, make, moved, paint, slider, under } from "./core.js";
import { saver } from "./save.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, LOW] = [380, 150, 46, 300, 8, 114];

const frequencies = (d, base) => Array.from({ length: d / 2 }, (_, i) => base ** (-2 * i / d));

const slopes = (heads) => {
  const series = (n) => Array.from({ length: n }, (_, i) => 2 ** (-8 / n * (i + 1)));
  const whole = 2 ** Math.floor(Math.log2(heads));
  const between = series(2 * whole).filter((_, i) => i % 2 === 0);
  return [...series(whole), ...between.slice(0, heads - whole)];
};

// A row of the table for each position or distance, and the texts of the figures.
const KINDS = {
  sinusoidal: {
    row: (p, { d, base }) => frequencies(d, base).flatMap((f) => [Math.sin(p * f), Math.cos(p * f)]),
    curves: ["Some dimensions", "dim", "value", "Later dimensions change more slowly."],
    table: "dimension",
    like: ["Similarity with the chosen position", "similarity",
      "Dot product, divided by that of the chosen position with itself."],
  },
  rotary: {
    // A vector of ones, rotated; dimensions i and i + d / 2 are a pair.
    row: (p, { d, base }) => [-1, 1].flatMap((sign) =>
      frequencies(d, base).map((f) => Math.cos(p * f) + sign * Math.sin(p * f))),
    curves: ["Angles of some pairs", "pair", "turns", "Each pair rotates at its own speed."],
    table: "dimension",
    like: ["Score of an equal query and key", "score",
      "The query is at the chosen position. The score depends only on the distance; at 0 it is 1."],
  },
  ALiBi: {
    row: (p, { heads }) => slopes(heads).map((slope) => -slope * p),
    curves: ["Bias by distance", "head", "bias", "Added to the score of a key at this distance."],
    table: "head",
    like: ["Factor of the bias on a key's weight", "factor",
      "The query is at the chosen position; later keys are masked."],
  },
};

const some = (n) => [...new Set([0, 0.15, 0.4, 1].map((fraction) => Math.round(fraction * (n - 1))))];
// Colours on light and on dark pages, and dashes.
const LINES = [["#0060a0", "#6cb8ee"], ["#a04a00", "#f0a830", "9 3"], ["#00664a", "#3ccfa0", "4 3"],
  ["#8c3f70", "#e8a5cb", "10 3 2 3"]];
const short = (x) => String(+x.toPrecision(3));

const chart = (title, across, up, lines, at) => {
  const all = lines.flatMap(({ values }) => values);
  const low = Math.min(0, ...all);
  const high = Math.max(low + 1e-9, ...all);
  const end = lines[0].values.length - 1;
  const x = (p) => (LEFT + p / end * (RIGHT - LEFT)).toFixed(1);
  const y = (v) => (TOP + (high - v) / (high - low) * (LOW - TOP)).toFixed(1);
  const write = (x, y, text, more) => draw("text", { x, y, ...more }, text);
  const path = (d, more) => draw("path", { d, fill: "none", stroke: "currentColor", ...more });
  const before = { "text-anchor": "end" };
  const middle = { "text-anchor": "middle" };
  return draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title,
    "font-size": 11, "font-family": "system-ui, sans-serif" },
  path(`M${LEFT} ${TOP}V${LOW}H${RIGHT}`, {}),
  path(`M${x(at)} ${TOP}V${LOW}`, { "stroke-width": 6, "stroke-opacity": 0.3 }),
  ...lines.flatMap(({ name, values }, i) => {
    const [stroke, , dashes] = LINES[i];
    const line = { class: `l${i}`, stroke, "stroke-width": 1.7, "stroke-dasharray": dashes };
    // A full turn starts again at 0: no line leads back from 1.
    return [path(values.map((v, p) =>
      `${p && !(up === "turns" && v < values[p - 1]) ? "L" : "M"}${x(p)} ${y(v)}`).join(""), line),
    path(`M306 ${name ? 14 + 18 * i : -9}h20`, line), write(330, 18 + 18 * i, name)];
  }),
  write(LEFT - 4, 18, short(high), before), write(LEFT - 4, LOW, short(low), before),
  write(LEFT, 128, "0"), write(RIGHT, 128, String(end), before), write(173, 144, across, middle),
  write(12, 61, up, { ...middle, transform: "rotate(-90 12 61)" }));
};

define("lmviz-positions", class extends View {
  static css = `
    label[hidden] { display: none !important; }
    .box { max-width: 32rem; }
    svg, canvas { display: block; width: 100%; }
    canvas { image-rendering: pixelated; height: 11rem; }
    p { margin: 0.3rem 0; }
    ${LINES.map((line, i) => `.l${i} { stroke: light-dark(${line.slice(0, 2)}); }`).join(" ")}`;

  build(root, { n, d, kind }) {
    Object.assign(this, { kind, base: 1e4, d, heads: 8, at: 0 });
    const change = (state) => this.update(Object.assign(this, state));
    this.sliders = {
      base: slider("base", { min: 1, max: 6, step: 0.05, value: 4,
        show: (x) => String(Math.round(10 ** x)) }, (x) => change({ base: 10 ** x })),
      d: slider("width d", { min: 2, max: 2 * d, step: 2, value: d }, (d) => change({ d })),
      heads: slider("heads", { min: 1, max: 32, step: 1, value: 8 }, (heads) => change({ heads })),
    };
    this.canvas = make("canvas", { role: "img", tabindex: 0,
      onmousemove: (event) => this.tell(under(event, this.canvas, this.sizes)),
      onkeydown: (event) => this.tell(moved(event, this.cell, this.sizes)) });
    [this.curves, this.said, this.under, this.like] = ["div", "output", "p", "div"].map((tag) => make(tag));
    this.text = make("output");
    const box = make("div", { class: "box" },
      this.text, this.curves, this.canvas, this.said, this.under, this.like);
    root.append(
      make("div", { class: "controls" },
        choice("kind", Object.keys(KINDS), this.kind, (kind) => change({ kind })),
        ...Object.values(this.sliders),
        slider("position", { min: 0, max: n - 1, step: 1, value: 0 }, (at) => change({ at })),
        saver(() => [this.kind, box])),
      box);
    this.update();
  }

  get table() {
    return Array.from({ length: this.data.n }, (_, p) => KINDS[this.kind].row(p, this));
  }

  update() {
    const { kind, d, base, heads, at, table } = this;
    const { curves, table: down, like } = KINDS[kind];
    const alibi = kind === "ALiBi";
    for (const [name, label] of Object.entries(this.sliders)) label.hidden = alibi !== (name === "heads");
    const pairs = frequencies(d, base);
    const line = kind === "rotary" ? (i) => (_, p) => p * pairs[i] / (2 * Math.PI) % 1
      : (i) => (row) => row[i];
    const shown = some({ sinusoidal: d, rotary: d / 2, ALiBi: heads }[kind]);
    this.lines = shown.map((i) => ({ name: `${curves[1]} ${i}`, values: table.map(line(i)) }));
    const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    this.similar = alibi
      ? shown.map((i) => ({ name: `head ${i}`, values: table.map((_, p) =>
        (p > at ? 0 : Math.exp(table[at - p][i]))) }))
      : [{ name: "", values: table.map((row) => dot(row, table[at]) / dot(table[at], table[at])) }];
    const show = (place, [title, , up, note], across, lines) => place.replaceChildren(
      make("strong", {}, title), chart(title, across, up, lines, at),
      make("p", { class: "note" }, note));
    show(this.curves, curves, alibi ? "distance" : "position", this.lines);
    show(this.like, [like[0], "", ...like.slice(1)],
      kind === "sinusoidal" ? "position" : "position of the key", this.similar);
    this.paint(table, alibi ? "distance" : "position", down);
    this.text.textContent = `${alibi ? "At distance" : "Position"} ${at}: ` +
      this.lines.map(({ name, values }) => `${name} ${values[at].toFixed(4)}`).join(", ");
  }

  paint(table, across, down) {
    const { canvas } = this;
    const [n, high] = [table.length, table[0].length];
    // Row by row, since the number of arguments is limited.
    const low = Math.min(...table.map((row) => Math.min(...row)));
    const top = Math.max(...table.map((row) => Math.max(...row)));
    paint(canvas, table[0].map((_, i) => table.map((row) => (row[i] - low) / (top - low))));
    canvas.ariaLabel = `Table of ${across}s by ${down}s: read it with the arrow keys`;
    this.sizes = [high, n];
    this.tell = ([i, p]) => {
      this.cell = [i, p];
      this.said.textContent = `${down} ${i}, ${across} ${p}: ${table[p][i].toFixed(4)}`;
    };
    this.tell([0, this.at]);
    this.under.textContent = `Across: ${across} 0 to ${n - 1}. Down: ${down} 0 to ${high - 1}. ` +
      `Dark ${short(low)}, bright ${short(top)}.`;
  }
});
