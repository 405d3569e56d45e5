import { View, choice, colour, define, draw, make, slider } from "./core.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, LOW] = [380, 150, 46, 300, 8, 114];

const frequencies = (d, base) => Array.from({ length: d / 2 }, (_, i) => base ** (-2 * i / d));

const slopes = (heads) => {
  const series = (n) => Array.from({ length: n }, (_, i) => 2 ** (-8 / n * (i + 1)));
  const whole = 2 ** Math.floor(Math.log2(heads));
  const between = series(2 * whole).filter((_, i) => i % 2 === 0);
  return [...series(whole), ...between.slice(0, heads - whole)];
};

// A row of the table for each position, or distance; and what the figures say.
const KINDS = {
  sinusoidal: {
    row: (p, { d, base }) => frequencies(d, base).flatMap((f) => [Math.sin(p * f), Math.cos(p * f)]),
    curves: ["Some dimensions", "dim", "value", "Later dimensions change more slowly."],
    table: "dimension",
    like: ["Similarity with the chosen position", "similarity",
      "Dot product, as a share of the chosen position's with itself."],
  },
  rotary: {
    // A vector of ones, turned; dimensions i and i + d / 2 are a pair.
    row: (p, { d, base }) => [-1, 1].flatMap((sign) =>
      frequencies(d, base).map((f) => Math.cos(p * f) + sign * Math.sin(p * f))),
    curves: ["Angles of some pairs", "pair", "turns", "Each pair turns at its own speed."],
    table: "dimension",
    like: ["Score of an equal query and key", "score",
      "The query stands at the chosen position. 1 where both meet: only distance counts."],
  },
  ALiBi: {
    row: (p, { heads }) => slopes(heads).map((slope) => -slope * p),
    curves: ["Bias by distance", "head", "bias", "Added to the score of a key so many tokens back."],
    table: "head",
    like: ["What the bias leaves of a key's weight", "factor",
      "The query stands at the chosen position. Later keys are hidden from it."],
  },
};

const some = (n) => [...new Set([0, 0.15, 0.4, 1].map((share) => Math.round(share * (n - 1))))];
const short = (x) => String(+x.toPrecision(3));

const chart = (title, across, up, lines, at) => {
  const all = lines.flatMap(({ values }) => values);
  const low = Math.min(0, ...all);
  const high = Math.max(low + 1e-9, ...all);
  const end = lines[0].values.length - 1;
  const x = (p) => (LEFT + p / end * (RIGHT - LEFT)).toFixed(1);
  const y = (v) => (TOP + (high - v) / (high - low) * (LOW - TOP)).toFixed(1);
  const write = (x, y, text, more) => draw("text", { x, y, ...more }, text);
  const before = { "text-anchor": "end" };
  const middle = { "text-anchor": "middle" };
  return draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title,
    "font-size": 11 },
  draw("path", { d: `M${LEFT} ${TOP}V${LOW}H${RIGHT}` }),
  draw("path", { d: `M${x(at)} ${TOP}V${LOW}`, class: "mark" }),
  ...lines.flatMap(({ name, values }, i) => [
    // A whole turn begins anew: no line leads back from 1 to 0.
    draw("path", { class: `line l${i}`, d: values.map((v, p) =>
      `${p && !(up === "turns" && v < values[p - 1]) ? "L" : "M"}${x(p)} ${y(v)}`).join("") }),
    draw("path", { class: `line l${i}`, d: `M306 ${name ? 14 + 18 * i : -9}h20` }),
    write(330, 18 + 18 * i, name)]),
  write(LEFT - 4, 18, short(high), before), write(LEFT - 4, LOW, short(low), before),
  write(LEFT, 128, "0"), write(RIGHT, 128, String(end), before), write(173, 144, across, middle),
  write(12, 61, up, { ...middle, transform: "rotate(-90 12 61)" }));
};

define("lmviz-positions", class extends View {
  static css = `
    label[hidden] { display: none !important; }
    svg, canvas { display: block; width: 100%; max-width: 32rem; }
    canvas { image-rendering: pixelated; height: 11rem; }
    p { margin: 0.3rem 0; }
    path { fill: none; stroke: currentColor; }
    .mark { stroke-width: 6; opacity: 0.3; }
    .line { stroke-width: 1.7; }
    .l0 { stroke: light-dark(#0060a0, #6cb8ee); }
    .l1 { stroke: light-dark(#a04a00, #f0a830); stroke-dasharray: 9 3; }
    .l2 { stroke: light-dark(#00664a, #3ccfa0); stroke-dasharray: 4 3; }
    .l3 { stroke: light-dark(#8c3f70, #e8a5cb); stroke-dasharray: 10 3 2 3; }`;

  build(root, { n, d }) {
    Object.assign(this, { kind: "sinusoidal", base: 1e4, d, heads: 8, at: 0 });
    const change = (state) => this.update(Object.assign(this, state));
    this.dials = {
      base: slider("base", { min: 1, max: 6, step: 0.05, value: 4,
        show: (x) => String(Math.round(10 ** x)) }, (x) => change({ base: 10 ** x })),
      d: slider("width d", { min: 2, max: 2 * d, step: 2, value: d }, (d) => change({ d })),
      heads: slider("heads", { min: 1, max: 32, step: 1, value: 8 }, (heads) => change({ heads })),
    };
    this.canvas = make("canvas", { role: "img" });
    [this.curves, this.under, this.like] = ["div", "p", "div"].map((tag) => make(tag));
    this.text = make("output");
    root.append(
      make("div", { class: "controls" },
        choice("kind", Object.keys(KINDS), this.kind, (kind) => change({ kind })),
        ...Object.values(this.dials),
        slider("position", { min: 0, max: n - 1, step: 1, value: 0 }, (at) => change({ at }))),
      this.text, this.curves, this.canvas, this.under, this.like);
    this.update();
  }

  get table() {
    return Array.from({ length: this.data.n }, (_, p) => KINDS[this.kind].row(p, this));
  }

  update() {
    const { kind, d, base, heads, at, table } = this;
    const { curves, table: down, like } = KINDS[kind];
    const alibi = kind === "ALiBi";
    for (const [name, dial] of Object.entries(this.dials)) dial.hidden = alibi !== (name === "heads");
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
    // Row by row: a call takes only so many arguments.
    const low = Math.min(...table.map((row) => Math.min(...row)));
    const top = Math.max(...table.map((row) => Math.max(...row)));
    Object.assign(canvas, { width: n, height: high });
    const image = new ImageData(n, high);
    table.forEach((row, p) => row.forEach((x, i) =>
      image.data.set([...colour((x - low) / (top - low)), 255], 4 * (i * n + p))));
    canvas.getContext("2d").putImageData(image, 0, 0);
    canvas.ariaLabel = `Table of ${across}s by ${down}s`;
    this.under.textContent = `Across: ${across} 0 to ${n - 1}. Down: ${down} 0 to ${high - 1}. ` +
      `Dark ${short(low)}, bright ${short(top)}.`;
  }
});
