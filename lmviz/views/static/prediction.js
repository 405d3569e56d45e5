import { View, clamp, define, fill, foot, make, moved, slider, strip, visible, word } from "./core.js";
import { random } from "./sampling.js";
import { saver } from "./save.js";

const sum = (list) => list.reduce((total, x) => total + x, 0);
const number = (x) => x.toFixed(4);
const [ROWS, LAST] = [12, 12];
const ENDS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
// The end of an axis: the next round number.
const round = (most) => {
  const power = 10 ** Math.floor(Math.log10(most));
  return +(ENDS.find((end) => end * power >= most * 0.999) * power).toPrecision(2);
};

define("lmviz-prediction", class extends View {
  static hint = "Press a token, move the sliders, and draw.";
  static css = `
    .text { align-items: center; }
    .next ~ button { color: var(--soft); }
    .say { min-height: 2.9em; }
    .next { padding: 2px 8px; border-radius: 8px; background: var(--mark-wash); outline: 1.5px solid var(--mark); }
    table { width: 100%; border-collapse: collapse; table-layout: fixed; }
    th { font-weight: 400; font-size: 13px; color: var(--soft); text-align: start; }
    th:nth-child(2) span { float: right; }
    th, td { padding: 0 8px; height: 21px; }
    th:first-child { width: 24%; } th:nth-child(3) { width: 5.5rem; } th:last-child { width: 4.5rem; }
    th:nth-child(n + 3), td:nth-child(n + 3) { text-align: end; }
    td { border-top: 1px solid var(--line); }
    td:first-child { overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
    td .word { font-weight: 400; }
    tr.at { background: var(--weight-wash); }
    tr.drawn { background: var(--mark-wash); }
    tr.drawn .word { font-weight: 600; }
    .track { position: relative; height: 13px; }
    .bar { height: 100%; min-width: 1px; border-radius: 0 3px 3px 0; background: var(--weight);
      transition: width var(--move) var(--ease); }
    .out .bar { background: none; border: 1px dashed var(--line-strong); }
    .tick { position: absolute; top: -3px; bottom: -3px; width: 2px; margin-left: -1px; background: var(--ink);
      transition: left var(--move) var(--ease); }
    .seed { width: 4.5rem; }
    .drawn-list { min-height: 1.5em; font-size: 13px; color: var(--soft); overflow: hidden; white-space: nowrap; }
    .drawn-list .word { font-weight: 400; font-size: 15px; color: var(--ink); }
    input[type="range"] { width: 8rem; }
    @container (max-width: 560px) { th, td { padding: 0 4px; } th:nth-child(3) { width: 4.5rem; }
      th:last-child { width: 3rem; } .say { min-height: 4.4em; } }`;

  build(root, { tokens, logits, temperatures, count: rare }) {
    const kept = logits.shape[1];
    Object.assign(this, { at: tokens.length - 1, stop: temperatures.indexOf(1), k: kept + 1,
      p: 1, seed: 0, draws: 0 });
    const set = (name) => (value) => this.change({ [name]: value });
    this.next = make("span", { class: "next word" });
    this.text = strip("Text: choose the token after which to predict", tokens,
      (at) => at === this.at || this.change({ at }), this.at);
    this.text.classList.add("text");
    this.axis = make("span");
    // The rows stay the same, so that bars can move.
    this.rows = Array.from({ length: Math.min(ROWS, kept) + (kept + rare > ROWS) }, (_, i) => {
      const parts = { name: make("td"), bar: make("div", { class: "bar" }), tick: make("div", { class: "tick" }),
        prob: make("td", { class: "number" }), times: make("td", { class: "number" }) };
      parts.row = make("tr", { onpointerenter: () => this.tell(i) }, parts.name,
        make("td", {}, make("div", { class: "track" }, parts.bar, parts.tick)), parts.prob, parts.times);
      return parts;
    });
    const table = make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, "next token"),
      make("th", {}, "0", this.axis), make("th", {}, "probability"), make("th", {}, "drawn"))),
    make("tbody", { onpointerleave: () => this.tell() }, ...this.rows.map(({ row }) => row)));
    const box = make("div", {}, this.text,
      make("div", { class: "controls" },
        slider("temperature", { min: 0, max: temperatures.length - 1, step: 1, value: this.stop,
          show: (i) => temperatures[i].toFixed(2) }, set("stop")),
        slider("top-k", { min: 1, max: kept + (rare > 0), step: 1, value: kept + 1,
          show: (k) => (k >= kept + (rare > 0) ? "all" : k) }, set("k")),
        slider("top-p", { min: 0, max: 1, step: 0.01, value: 1 }, set("p"))),
      make("div", { tabindex: 0, role: "region", "aria-label": "Next tokens: move with the arrow keys",
        onkeydown: (event) => this.move(event), onblur: () => this.tell() }, table));
    this.list = make("div", { class: "drawn-list" });
    root.append(box, this.list,
      make("div", { class: "controls" },
        ...[1, 10, 100].map((n) => make("button", { onclick: () => this.sample(n) }, `Draw ${n}`)),
        make("button", { onclick: () => this.change({}) }, "Reset"),
        make("label", {}, "seed", make("input", { type: "text", inputmode: "numeric", value: 0,
          class: "seed", oninput: ({ target }) => this.change({ seed: parseInt(target.value) || 0 }) }))),
      foot("Temperature is applied first, then top-k, then top-p. Dashed: removed. Vertical line: share of the draws." +
        (rare ? ` The ${rare.toLocaleString("en")} least likely tokens are drawn as one.` : ""),
      saver(() => ["prediction", box])));
    this.change({});
  }

  // Another setting starts another tally.
  change(state) {
    Object.assign(this, { draws: 0 }, state, { drawn: undefined, at_row: undefined, last: [] });
    this.cut();
    this.tally = this.shown.probs.map(() => 0);
    this.text.querySelectorAll("button")[this.at].after(this.next);
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
    return names[which.values[this.at * which.shape[1] + i]];
  }

  sample(n = 1) {
    const { probs } = this.shown;
    for (let i = 0; i < n; i++) {
      let left = random(this.seed ^ Math.imul(this.draws++, 0x9e3779b9));
      const drawn = probs.findIndex((prob) => (left -= prob) < 0);
      this.drawn = drawn < 0 ? 0 : drawn; // rounding may leave a remainder
      this.tally[this.drawn]++;
      this.last = [this.drawn, ...this.last.slice(0, LAST - 1)];
    }
    this.update();
  }

  // What a row stands for: a token, or all that come after the shown ones.
  row(i) {
    const { before, probs, stay } = this.shown;
    const last = Math.min(ROWS, probs.length - 1);
    const of = (list) => (i < last ? list[i] : sum(list.slice(last)));
    return { others: i >= last, prob: of(probs), was: of(before), stays: of(stay), times: of(this.tally) };
  }

  update() {
    const { draws, drawn, rows, shown: { size } } = this;
    const all = rows.map((_, i) => this.row(i));
    const end = round(Math.max(...all.map(({ others, prob, was, stays }) => (others ? 0 : stays ? prob : was)), 1e-6));
    this.axis.textContent = end;
    const share = (x) => `${Math.min(100, 100 * x / end)}%`;
    rows.forEach(({ row, name, bar, tick, prob, times }, i) => {
      const { others, prob: p, was, stays, times: n } = all[i];
      name.replaceChildren(...(others ? [`${(size - i).toLocaleString("en")} others`] : [word(this.name(i))]));
      bar.style.width = others ? 0 : share(stays ? p : was);
      tick.hidden = others || !draws || !stays;
      tick.style.left = share(n / draws || 0);
      prob.textContent = stays ? number(p) : "removed";
      times.textContent = draws ? n : "";
      row.className = [!stays && "out", (others ? drawn >= i : drawn === i) && "drawn"].filter(Boolean).join(" ");
    });
    const label = (i) => (i < this.shown.probs.length - 1 ? word(this.name(i)) : word("(rare)"));
    this.next.replaceChildren(drawn === undefined ? "?" : label(drawn).textContent);
    this.list.replaceChildren(...(draws ? ["last draws: ", ...this.last.flatMap((i, n) => [n ? ", " : "", label(i)])] : []));
    this.tell();
  }

  move(event) {
    const before = this.at_row ?? -1;
    const [to] = moved(event, [before, 0], [this.rows.length, 1]);
    if (to !== before) this.tell(clamp([to], [this.rows.length])[0]);
  }

  // The way of one token from its logit to its probability, or of all tokens.
  tell(i) {
    this.at_row = i;
    this.rows.forEach(({ row }, j) => row.classList.toggle("at", j === i));
    const { at, drawn, draws, seed, k, stop, shown: { probs, stay, size }, data } = this;
    const T = data.temperatures[stop];
    if (i === undefined) {
      const rare = probs.length - 1;
      return this.say(...(drawn === undefined ? ["After ", word(data.tokens[at]),
        `: ${sum(stay).toLocaleString("en")} of ${size.toLocaleString("en")} tokens are kept. The most likely is `,
        word(this.name(0)), `, ${number(probs[0])}.`]
        : [`Draw ${draws}, seed ${seed}: `, ...(drawn < rare ? [word(this.name(drawn)), `, ${number(probs[drawn])}.`]
          : [`one of ${stay[rare].toLocaleString("en")} rare tokens, together ${number(probs[rare])}.`])]));
    }
    const { others, prob, was, stays, times } = this.row(i);
    const tally = draws ? ` Drawn ${times} of ${draws} times, ${(times / draws).toFixed(2)}.` : "";
    if (others) {
      return this.say(`${(size - i).toLocaleString("en")} other tokens, ${stays.toLocaleString("en")} kept: together `,
        `${number(was)}, then ${number(prob)}.${tally}`);
    }
    const logit = data.logits.values[at * data.logits.shape[1] + i];
    const by = i >= k && k < probs.length ? "top-k" : "top-p";
    this.say(word(this.name(i)), `: logit ${logit.toFixed(2)} → divided by T = ${T.toFixed(2)}: ${(logit / T).toFixed(2)} `,
      `→ softmax ${number(was)} → `, ...(stays ? [`kept: probability ${number(prob)}.`] : [`removed by ${by}.`]), tally);
  }
});
