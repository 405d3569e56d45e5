import { View, define, make, slider, strip, visible } from "./core.js";
import { saver } from "./save.js";

// A number from 0 to 1 for each seed (mulberry32).
const random = (seed) => {
  let x = (seed + 0x6d2b79f5) | 0;
  x = Math.imul(x ^ (x >>> 15), x | 1);
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
  return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
};

const sum = (list) => list.reduce((total, x) => total + x, 0);
const number = (x) => x.toFixed(4);
const ROWS = 15;

define("lmviz-prediction", class extends View {
  static css = `
    [aria-pressed="true"] { background: var(--accent); color: Canvas; }
    table { width: 100%; border-collapse: collapse; }
    th { font: 0.85em system-ui; text-align: start; }
    td { border-top: 1px solid var(--line); }
    th, td { padding: 0.1rem 0.3rem; }
    td:first-child { width: 30%; max-width: 10rem; overflow-wrap: anywhere; }
    td:last-child { width: 8rem; }
    .bar { height: 0.9rem; min-width: 1px; background: var(--accent); }
    .out .bar { background: none; border: 1px dashed; }
    .drawn { background: var(--soft); font-weight: bold; }
    .seed { width: 5rem; }`;

  build(root, { tokens, logits, temperatures, count: rare }) {
    const kept = logits.shape[1];
    Object.assign(this, { at: tokens.length - 1, stop: temperatures.indexOf(1), k: kept + 1,
      p: 1, seed: 0, draws: 0 });
    const set = (name) => (value) => this.change({ [name]: value });
    [this.body, this.text, this.said] = ["tbody", "output", "output"].map((tag) => make(tag));
    const box = make("div", {},
      strip("Text: choose the token after which to predict", tokens,
        (at) => at === this.at || this.change({ at }), this.at),
      make("div", { class: "controls" },
        slider("temperature", { min: 0, max: temperatures.length - 1, step: 1, value: this.stop,
          show: (i) => temperatures[i].toFixed(2) }, set("stop")),
        slider("top-k", { min: 1, max: kept + (rare > 0), step: 1, value: kept + 1,
          show: (k) => (k >= kept + (rare > 0) ? "all" : k) }, set("k")),
        slider("top-p", { min: 0, max: 1, step: 0.01, value: 1 }, set("p"))),
      this.text,
      make("table", {}, make("thead", {}, make("tr", {},
        ...["next token", "from 0 to 1 (dashed: before its removal)", "probability"].map(
          (name) => make("th", {}, name)))), this.body));
    root.append(box,
      make("div", { class: "controls" },
        make("button", { onclick: () => this.sample() }, "Sample"),
        make("label", {}, "seed", make("input", { type: "text", inputmode: "numeric", value: 0,
          class: "seed", oninput: ({ target }) =>
            this.change({ seed: parseInt(target.value) || 0, draws: 0 }) })),
        saver(() => ["prediction", box])),
      this.said,
      make("p", { class: "note" }, "Temperature is applied first, then top-k, then top-p." +
        (rare ? ` The page has the ${kept} most likely tokens individually, and the ${rare} others as a sum.` : "")));
    this.change({});
  }

  change(state) {
    Object.assign(this, state, { drawn: undefined });
    this.cut();
    this.update();
  }

  // Pairs of a number of tokens and the weight of each: first the most likely individually,
  // then groups of rarer ones. The tokens kept are the same as with `sampler` in Python.
  cut() {
    const { logits, temperatures, sums, bins, start, width, ties, count: rare } = this.data;
    const { at, stop, k, p } = this;
    const row = ({ values, shape: [, n] }) => Array.from(values.subarray(at * n, (at + 1) * n));
    const head = row(logits);
    const weigh = (logit) => Math.exp((logit - head[0]) / temperatures[stop]);
    const mass = (pairs) => pairs.map(([n, weight]) => n * weight);
    // The bins have the tail's distribution, the exact sum has its weight.
    const tail = row(bins).map((n, i) => [n, weigh(start.values[at] - (i + 0.5) * width)]);
    const scale = Math.exp(row(sums)[stop] - head[0] / temperatures[stop]) / sum(mass(tail)) || 0;
    let pairs = [...head.map((x) => [1, weigh(x)]), ...tail.map(([n, w]) => [n, w * scale])];
    const fold = (list, whole = 1) => [...list.slice(0, head.length), sum(list.slice(head.length))]
      .map((x) => x / whole);
    const before = fold(mass(pairs), sum(mass(pairs)));
    if (k <= head.length) {
      const [least, last] = [head[k - 1], head.at(-1)];
      pairs = head.map((x) => [+(x >= least), weigh(x)]);
      pairs.push([last < least ? 0 : ties.values[at], weigh(last)]);
    }
    if (p < 1) {
      let enough = p * sum(mass(pairs));
      pairs = pairs.map(([n, weight], i) => {
        const stay = Math.max(Math.ceil(enough / weight) || 0, i ? 0 : 1);
        enough -= n * weight;
        return [Math.min(n, stay), weight];
      });
    }
    const probs = fold(mass(pairs), sum(mass(pairs)));
    this.shown = { before, probs, stay: fold(pairs.map(([n]) => n)), size: head.length + rare };
  }

  name(i) {
    const { which, names } = this.data;
    return visible(names[which.values[this.at * which.shape[1] + i]]);
  }

  sample() {
    let left = random(this.seed ^ Math.imul(this.draws++, 0x9e3779b9));
    const { probs } = this.shown;
    const drawn = probs.findIndex((prob) => (left -= prob) < 0);
    this.drawn = drawn < 0 ? 0 : drawn; // rounding may leave a remainder
    this.update();
  }

  update() {
    const { before, probs, stay, size } = this.shown;
    const { at, drawn } = this;
    const rare = probs.length - 1;
    const n = Math.min(ROWS, rare);
    const others = (list) => sum(list.slice(n));
    const line = (name, prob, was, stays, mark) => make("tr",
      { class: `${stays ? "" : "out"} ${mark ? "drawn" : ""}` }, make("td", { class: "mono" }, name),
      make("td", {}, make("div", { class: "bar", style: `width:${100 * (stays ? prob : was)}%` })),
      make("td", {}, stays ? number(prob) : "removed", mark ? " drawn" : ""));
    this.body.replaceChildren(...probs.slice(0, n).map((prob, i) =>
      line(this.name(i), prob, before[i], stay[i], drawn === i)));
    if (size > n) {
      this.body.append(line(`${size - n} others, ${others(stay)} kept`, others(probs),
        others(before), others(stay), drawn >= n));
    }
    this.text.textContent = `After ${visible(this.data.tokens[at])}: ${sum(stay)} of ` +
      `${size} tokens are kept. The most likely is ${this.name(0)}, ${number(probs[0])}.`;
    this.said.textContent = drawn === undefined ? "" : `Draw ${this.draws}, seed ${this.seed}: ` +
      (drawn < rare ? `${this.name(drawn)}, ${number(probs[drawn])}`
        : `one of ${stay[rare]} rare tokens, together ${number(probs[rare])}`);
  }
});
