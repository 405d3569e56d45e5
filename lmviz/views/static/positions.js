import { View, clamp, define, draw, fill, foot, make, moved, signed, slider, steps, under } from "./core.js";
import { saver } from "./save.js";

const [LEFT, RIGHT, HIGH, MAP] = [52, 12, 108, 116];

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
    curves: ["Selected dimensions", "dim"],
    table: ["The whole encoding", "dimension", "position"],
    like: "Dot product with the chosen position, 1 with itself",
    across: "position",
  },
  rotary: {
    // A vector of ones, rotated; dimensions i and i + d / 2 are a pair.
    row: (p, { d, base }) => [-1, 1].flatMap((sign) =>
      frequencies(d, base).map((f) => Math.cos(p * f) + sign * Math.sin(p * f))),
    curves: ["Angles of selected pairs, in turns", "pair"],
    table: ["A vector of ones, rotated to each position", "dimension", "position"],
    like: "Score of a query at the chosen position and an equal key, 1 at distance 0",
    across: "position (of the key, in the last plot)",
  },
  ALiBi: {
    row: (p, { heads }) => slopes(heads).map((slope) => -slope * p),
    curves: ["Bias by distance", "head"],
    table: ["The bias of each head", "head", "distance"],
    like: "Factor on the unnormalised weight of each key, for a query at the chosen position",
    across: "distance (position of the key, in the last plot)",
  },
};

const some = (n) => [...new Set([0, 0.15, 0.4, 1].map((fraction) => Math.round(fraction * (n - 1))))];
const DASHES = ["", "9 3", "4 3", "10 3 2 3"];
const short = (x) => String(+x.toPrecision(2)).replace("-", "−");
const fixed = (x, digits) => x.toFixed(digits).replace(/^-0(\.0+)?$/, "0$1").replace("-", "−");
// About five round numbers from 0 to a number.
const ticks = (end) => {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((step) => end / step <= 8);
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => i * step);
};

define("lmviz-positions", class extends View {
  static hint = "Move the sliders, and point at a plot to read its values.";
  static css = `
    label[hidden] { display: none !important; }
    .name { display: flex; flex-wrap: wrap; gap: 0 14px; font-size: 13px; margin-top: 4px; }
    .name span { display: inline-flex; gap: 5px; align-items: center; }
    .name .soft { flex: 1 1 14rem; }
    svg { display: block; overflow: visible; }
    .axis { stroke: var(--line-strong); }
    .grid { stroke: var(--line); }
    svg text { fill: var(--soft); font-size: 11px; }
    .at { stroke: var(--mark); stroke-width: 6px; stroke-opacity: 0.7; }
    .l { fill: none; stroke-width: 1.8px; }
    .l0 { stroke: var(--weight); } .l1 { stroke: var(--minus); } .l2 { stroke: var(--plus); } .l3 { stroke: var(--ink); }
    .map { position: relative; margin: 0 ${RIGHT}px 0 ${LEFT}px; height: ${MAP}px; }
    .map .signed { position: absolute; inset: 0; cursor: crosshair; }
    .map > svg { position: absolute; inset: 0 auto auto -${LEFT}px; pointer-events: none; }
    .signed > div { position: absolute; inset: 0; background: var(--plus); }
    .signed > :last-child { background: var(--minus); }
    .scale .signed { position: relative; width: 120px; height: 10px; }
    input[type="range"] { width: 7.5rem; }`;

  build(root, { n, d, kind }) {
    Object.assign(this, { kind, base: 1e4, d, heads: 8, at: 0, cell: [0, 0] });
    const change = (state) => this.update(Object.assign(this, state));
    this.sliders = {
      base: slider("base", { min: 1, max: 6, step: 0.05, value: 4,
        show: (x) => String(Math.round(10 ** x)) }, (x) => change({ base: 10 ** x })),
      d: slider("width d", { min: 2, max: 2 * d, step: 2, value: d }, (d) => change({ d })),
      heads: slider("heads", { min: 1, max: 32, step: 1, value: 8 }, (heads) => change({ heads })),
    };
    this.figure = make("div", { class: "figure" });
    root.append(
      make("div", { class: "controls" },
        steps("kind", Object.keys(KINDS), kind, (kind) => change({ kind }))),
      make("div", { class: "controls" },
        slider("position", { min: 0, max: n - 1, step: 1, value: 0 }, (at) => change({ at })),
        ...Object.values(this.sliders)),
      this.figure, foot("", saver(() => [this.kind, this.figure])));
    this.update();
    new ResizeObserver(() => this.width !== this.room && this.update()).observe(this.figure);
  }

  get room() {
    return Math.max(240, this.figure.clientWidth);
  }

  get table() {
    return Array.from({ length: this.data.n }, (_, p) => KINDS[this.kind].row(p, this));
  }

  update() {
    const { kind, d, base, heads, at, table, data: { n } } = this;
    const { curves, table: [name, down, across], like, across: below } = KINDS[kind];
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
        (p > at ? NaN : Math.exp(table[at - p][i]))) }))
      : [{ name: "", values: table.map((row) => dot(row, table[at]) / dot(table[at], table[at])) }];
    this.width = this.room;
    const focused = this.map && this.getRootNode().activeElement === this && this.shadowRoot.activeElement === this.map;
    this.figure.replaceChildren(
      this.name(curves[0], ...this.lines.map(({ name }, i) => make("span", {}, this.sample(i), name))),
      this.chart(curves[0], this.lines, across),
      this.name(`${name}: ${down}s by ${across}s`, ...this.scale(table)),
      this.heat(table, down, across),
      this.name(like),
      this.chart(like, this.similar, alibi ? "key" : "position"),
      draw("svg", { width: this.width, height: 28 }, ...ticks(n - 1).map((p) =>
        draw("text", { x: this.x(p), y: 10, "text-anchor": "middle" }, String(p))),
      draw("text", { x: (LEFT + this.width - RIGHT) / 2, y: 25, "text-anchor": "middle" }, below)));
    if (focused) this.map.focus();
    this.say(`${alibi ? "Distance" : "Position"} ${at}: `,
      this.lines.map(({ name, values }) => `${name} ${fixed(values[at], 2)}`).join(", "), ".");
  }

  x(p) {
    return +(LEFT + p / (this.data.n - 1) * (this.width - LEFT - RIGHT)).toFixed(1);
  }

  name(title, ...keys) {
    return make("div", { class: "name" }, make("span", { class: "soft" }, title), ...keys);
  }

  sample(i) {
    return draw("svg", { width: 22, height: 10 }, draw("path", { d: "M0 5h22", class: `l l${i}`,
      "stroke-dasharray": DASHES[i] }));
  }

  chart(title, lines, across) {
    const all = lines.flatMap(({ values }) => values.filter((x) => !isNaN(x)));
    const [low, high] = [Math.min(0, ...all), Math.max(1e-9, ...all)];
    const y = (v) => (6 + (high - v) / (high - low) * (HIGH - 12)).toFixed(1);
    const end = this.width - RIGHT;
    const { at, kind, data: { n } } = this;
    const marks = low < 0 && high > 1e-9 ? [low, 0, high] : [low, high > 1e-9 ? high : 0];
    return draw("svg", { width: this.width, height: HIGH, role: "img", "aria-label": title,
      onpointerleave: (event) => this.tip(event), onpointermove: (event) => {
        const { x } = event.currentTarget.getBoundingClientRect();
        const [p] = clamp([Math.round((event.clientX - x - LEFT) / (end - LEFT) * (n - 1))], [n]);
        this.tip(event, `${across} ${p}: `, lines.map(({ name, values }) =>
          `${name} ${isNaN(values[p]) ? "masked" : fixed(values[p], 2)}`.trim()).join(", "));
      } },
    draw("rect", { width: this.width, height: HIGH, fill: "transparent" }),
    ...ticks(n - 1).map((p) => draw("path", { class: "grid", d: `M${this.x(p)} 6V${HIGH - 6}` })),
    ...marks.flatMap((v) => [draw("path", { class: v ? "grid" : "axis", d: `M${LEFT} ${y(v)}H${end}` }),
      draw("text", { x: LEFT - 6, y: +y(v) + 4, "text-anchor": "end" }, short(v))]),
    draw("path", { class: "at", d: `M${this.x(at)} 6V${HIGH - 6}` }),
    ...lines.map(({ values }, i) => draw("path", { class: `l l${i}`, "stroke-dasharray": DASHES[i],
      // A full turn starts again at 0: no line leads back from 1.
      d: values.map((v, p) => (isNaN(v) ? "" :
        `${p && !(kind === "rotary" && lines === this.lines && v < values[p - 1]) ? "L" : "M"}${this.x(p)} ${y(v)}`)).join("") })));
  }

  // The ends of the colours, beside the name of the table.
  scale(table) {
    const most = this.most = table.reduce((most, row) =>
      row.reduce((most, x) => Math.max(most, Math.abs(x)), most), 1e-9);
    const high = this.kind === "ALiBi" ? 0 : 1;
    const ramp = Array.from({ length: 41 }, (_, i) => (1 + high) * i / 40 - 1);
    return [make("span", { class: "scale number" }, short(-most), signed(ramp, 41), short(high * most))];
  }

  heat(table, down, across) {
    const [n, high] = [table.length, table[0].length];
    const sizes = [high, n];
    const values = table[0].flatMap((_, i) => table.map((row) => row[i] / this.most));
    const tell = (cell) => {
      const [i, p] = this.cell = clamp(cell, sizes);
      const text = `${down} ${i}, ${across} ${p}: ${fixed(table[p][i], 3)}`;
      this.say(text);
      return text;
    };
    this.map = signed(values, n, { role: "img", tabindex: 0,
      "aria-label": `Table of ${across}s by ${down}s: read it with the arrow keys`,
      onpointerdown: (event) => tell(under(event, this.map, sizes)),
      onpointermove: (event) => this.tip(event, tell(under(event, this.map, sizes))),
      onpointerleave: (event) => this.tip(event),
      onkeydown: (event) => tell(moved(event, clamp(this.cell, sizes), sizes)) });
    const middle = `translate(16 ${MAP / 2}) rotate(-90)`;
    return make("div", { class: "map" }, this.map, draw("svg", { width: this.width, height: MAP },
      draw("text", { x: LEFT - 6, y: 10, "text-anchor": "end" }, "0"),
      draw("text", { x: LEFT - 6, y: MAP - 2, "text-anchor": "end" }, String(high - 1)),
      draw("text", { transform: middle, "text-anchor": "middle" }, down),
      draw("path", { class: "at", d: `M${this.x(this.at)} 0V${MAP}` })));
  }
});
