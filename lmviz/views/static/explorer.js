import { MOVES, View, colour, css, define, describe, draw, foot } from "./core.js";
import { ink, make, paint, softmax, under, visible } from "./core.js";
import { Language } from "./language.js";
import { Model, best } from "./model.js";
import { saver } from "./save.js";
import { tour } from "./tour.js";

const stage = (i) => (i ? `after layer ${i - 1}` : "embeddings");
const button = (label, onclick, name) => make("button", { onclick, "aria-label": name }, label);
const wide = (label) =>
  make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": label });

const seen = (rows) => rows.map((row, q) => row.map((weight, k) => (k > q ? NaN : weight)));

// A part returns its nodes and a function that updates them; x is the element.

const position = (x) => {
  const shown = make("span");
  const nodes = make("div", { class: "controls" }, button("‹", () => x.look(x.at - 1), "Previous word"),
    shown, button("›", () => x.look(x.at + 1), "Next word"));
  return [nodes, () => (shown.textContent = `position ${x.at}: ${visible(x.said[x.at])}`)];
};

const steer = (node, move) => node.addEventListener("keydown", (event) => {
  if (!MOVES[event.key]) return;
  event.preventDefault();
  move(...MOVES[event.key]);
});

const complaint = ({ rest: [first], ids, model, language, said }) => {
  if (ids.has(first)) return `The context holds ${model.context} words: the rest is ignored.`;
  if (first) return `${visible(first)} is not in the toy's vocabulary: the story ends before it.`;
  const { choices, wrong } = language.read(said);
  if (wrong === null) return "";
  const expected = [...choices[wrong].probs.keys()].map(visible).join(", ") || "nothing";
  return `Not a story: position ${wrong} must be ${expected}, got ${visible(said[wrong])}.`;
};

const story = (x) => {
  const { stories } = x.data;
  const pick = make("select", { onchange: () => x.tell(stories[pick.value]) },
    ...Object.keys(stories).map((name) => make("option", { value: name }, visible(name))));
  const text = make("input", { type: "text", spellcheck: "false", autocapitalize: "off",
    oninput: () => x.tell(text.value, true), onblur: () => (x.typing = false) });
  const undo = button("Undo", () => x.write(x.past.pop()));
  const words = make("div", { class: "controls", role: "group", "aria-label": "Words of the story" });
  steer(words, (down, right) => x.look(x.at + down + right));
  const offers = make("div", { class: "controls", role: "group", "aria-label": "Likely next" });
  const problem = make("output");
  return [[make("div", { class: "controls" }, make("label", {}, "Story", pick), undo),
    make("label", {}, "Your own, in the toy's words, separated by spaces", text), offers, words, problem], () => {
    if (text.value !== x.written) text.value = x.written;
    pick.value = Object.keys(stories).find((name) => stories[name] === x.written) ?? "";
    undo.disabled = !x.past.length;
    const held = words.matches(":focus-within");
    const buttons = x.said.map((word, t) => button(visible(word), () => x.look(t)));
    buttons.forEach((made, t) => {
      made.ariaPressed = t === x.at;
      made.tabIndex = t === x.at ? 0 : -1;
    });
    words.replaceChildren(...buttons, ...x.rest.map((word) => make("s", {}, visible(word))));
    if (held) buttons[x.at].focus();
    problem.textContent = complaint(x);
    // Likely words that begin as the last one typed.
    const [typed = "", ...others] = x.rest;
    const logits = x.trace.logits.at(-1);
    const fit = x.data.words.filter((word) => word.toLowerCase().startsWith(typed.toLowerCase()))
      .sort((a, b) => logits[x.ids.get(b)] - logits[x.ids.get(a)]);
    const full = others.length || x.said.length === x.model.context;
    offers.replaceChildren("Likely next:", ...(full ? [] : fit.slice(0, 6)).map((word) =>
      button(visible(word), () => {
        x.tell([...x.said.slice(1), word, ""].join(" "));
        text.focus();
      })));
    offers.hidden = full || !fit.length;
  }];
};

// Vectors, each scaled to itself, and their lengths.
const strips = (rows) => (x) => {
  const box = make("div", { class: "strips" });
  const [where, showPosition] = position(x);
  return [[where, box], () => {
    showPosition();
    box.replaceChildren(...rows(x).flatMap(([name, row]) => {
      const most = Math.max(...row.map(Math.abs));
      const canvas = make("canvas", { role: "img", "aria-label": name });
      return [make("span", {}, name), paint(canvas, [row.map((value) => (1 + value / most) / 2)]),
        make("span", {}, Math.hypot(...row).toFixed(2))];
    }));
  }];
};

// One cell is one unit; the words' margins do not scroll.
const [MARGIN, CELL] = [5, 14];
const MARK = { stroke: "#0060a0", "stroke-width": 0.15 };
const map = (x, tell) => {
  const n = x.said.length;
  const part = (viewBox, more, ...children) => draw("svg",
    { viewBox, width: viewBox[2] * CELL, height: viewBox[3] * CELL, "font-size": 0.78,
      "font-family": "system-ui, sans-serif", fill: "none", ...more }, ...children);
  const label = (word, at) => draw("text", { "text-anchor": "end", transform: at, fill: "currentColor" }, visible(word));
  const at = (event) => under(event, event.currentTarget, [n, n]);
  return make("div", { role: "img", "aria-label": "Queries down, keys across" },
    make("div", {},
      part([-MARGIN, -MARGIN, MARGIN, MARGIN], {},
        label("key →", "translate(-.3 -1.4)"), label("query ↓", "translate(-.3 -.4)")),
      part([0, -MARGIN, n, MARGIN], {},
        ...x.said.map((word, t) => label(word, `translate(${t + 0.2} -.3) rotate(90)`)))),
    make("div", {},
      part([-MARGIN, 0, MARGIN, n], {},
        ...x.said.map((word, t) => label(word, `translate(-.3 ${t + 0.8})`))),
      part([0, 0, n, n], { onclick: (event) => x.look(...at(event)),
        onpointermove: (event) => tell(...at(event)), onpointerleave: () => tell(x.at, x.key) },
      draw("image", { href: paint(make("canvas"), seen(x.weights)).toDataURL(), width: n,
        "image-rendering": "pixelated" }),
      draw("rect", { y: x.at, width: x.at + 1, height: 1, ...MARK }),
      draw("rect", { x: x.key, y: x.at, width: 1, height: 1, ...MARK }))));
};

const attention = (x) => {
  const [where, showPosition] = position(x);
  const tiles = x.heads.map((_, i) => [
    make("button", { onclick: () => x.choose(i) }, make("canvas"), x.named(i)),
    button("", () => x.toggle(i))]);
  const grid = make("div", { class: "heads", style: `grid-template-columns: repeat(${x.model.heads}, 1fr)` },
    ...tiles.map((pair) => make("div", {}, ...pair)));
  const large = wide("Attention map: move with the arrow keys");
  large.classList.add("map");
  steer(large, (down, right) => x.look(x.at + down, x.key + right));
  const [looks, change] = [make("output"), make("output")];
  const tell = (query, key) => looks.replaceChildren(`${x.named(x.chosen)}: `,
    ...describe(x.said, query, key, key > query ? -1 : x.weights[query][key]));
  return [[where, make("div", { class: "both" }, grid, make("div", {}, large, looks)), change], () => {
    showPosition();
    tiles.forEach(([choose, toggle], i) => {
      const [layer, head] = x.heads[i];
      const canvas = choose.firstChild;
      paint(canvas, seen(x.trace.attentions[layer][head]));
      choose.ariaPressed = i === x.chosen;
      toggle.textContent = x.ablated.has(i) ? "restore" : "ablate";
      toggle.ariaLabel = `${toggle.textContent} ${x.named(i)}`;
      canvas.style.opacity = x.ablated.has(i) ? 0.3 : 1;
    });
    large.replaceChildren(map(x, tell));
    large.scrollTo((MARGIN + x.key) * CELL - large.clientWidth / 2,
      (MARGIN + x.at) * CELL - large.clientHeight / 2);
    tell(x.at, x.key);
    const word = best(x.whole.logits[x.at]);
    const [before, after] = [x.whole, x.trace].map((run) => softmax(run.logits[x.at])[word].toFixed(3));
    change.textContent = x.ablated.size ? `Ablated: ${[...x.ablated].map(x.named).join("; ")}. `
      + `The probability of ${visible(x.data.words[word])} goes from ${before} to ${after}.` : "No head is ablated.";
  }];
};

const lens = (x) => {
  const box = wide("Logit lens");
  return [[box], () => {
    const cell = (logits, t) => {
      const word = best(logits);
      const prob = softmax(logits)[word];
      const back = colour(prob);
      return make("td", { title: prob.toFixed(3), onclick: () => x.look(t),
        style: `background: ${css(back)}; color: ${ink(back)}` }, visible(x.data.words[word]));
    };
    box.replaceChildren(make("table", {},
      make("tr", {}, make("td"), ...x.said.map((word, t) =>
        make("th", { scope: "col", "aria-current": t === x.at && "true" }, visible(word)))),
      ...x.trace.lens.map((rows, i) =>
        make("tr", {}, make("th", { scope: "row" }, stage(i)), ...rows.map(cell)))));
    box.scrollLeft = box.querySelector("[aria-current]").offsetLeft - box.clientWidth / 2;
  }];
};

const next = (x) => {
  const [where, showPosition] = position(x);
  const box = wide("Next word");
  const verdict = make("output");
  return [[where, box, verdict], () => {
    showPosition();
    const { words } = x.data;
    const { probs, kind } = x.language.nextToken(x.said.slice(0, x.at + 1));
    const columns = { model: softmax(x.trace.logits[x.at]) };
    if (probs) columns.truth = words.map((word) => probs.get(word) ?? 0);
    if (x.ablated.size) columns["no ablation"] = softmax(x.whole.logits[x.at]);
    const most = words.map((_, id) => Math.max(...Object.values(columns).map((column) => column[id])));
    const order = [...most.keys()].sort((a, b) => most[b] - most[a]);
    const held = box.matches(":focus-within");
    const rows = order.filter((id, rank) => rank < 3 || (rank < 12 && most[id] > 0.01)).map((id) => {
      const go = button(visible(words[id]), () => x.say(id));
      go.disabled = x.at + 1 >= x.model.context;
      return make("tr", {}, make("th", { scope: "row" }, go),
        ...Object.entries(columns).map(([name, column]) => make("td", { class: name.split(" ")[0] },
          column[id].toFixed(3), make("i", { style: `width: ${100 * column[id]}%` }))));
    });
    box.replaceChildren(make("table", { class: "bars" }, make("tr", {},
      ...["word", ...Object.keys(columns)].map((name) => make("th", { scope: "col" }, name))), ...rows));
    if (held) box.querySelector("button").focus();
    const far = (column) => columns.truth
      .reduce((sum, p, id) => sum + (p && p * Math.log(p / column[id])), 0).toFixed(4);
    verdict.textContent = !probs ? "This is not a story, so it has no true distribution."
      : !probs.size ? "The story is over."
        : `Divergence of the model from the true distribution: ${far(columns.model)} nats`
          + (x.ablated.size ? `; without ablation ${far(columns["no ablation"])}.` : ".")
          + (kind ? ` Kind of question: ${kind}.` : "");
  }];
};

const PARTS = {
  story, attention, lens, next,
  vectors: strips(({ trace, at }) =>
    [["word", trace.tokens[at]], ["position", trace.positions[at]], ["sum", trace.residual[0][at]]]),
  stream: strips(({ trace, at }) => trace.residual.map((rows, i) => [stage(i), rows[at]])),
};

define("lmviz-explorer", class extends View {
  static css = `
section { border-top: 1px solid var(--line); padding: 0.6rem 0; }
.tour { border: 2px solid var(--accent); padding: 0.6rem; scroll-margin-top: 5rem; }
.tour + section { border-left: 2px solid var(--accent); padding-left: 0.6rem; }
h2, p { font-size: inherit; margin: 0 0 0.4rem; }
input { width: 100%; }
s { text-decoration: underline wavy; }
[aria-pressed="true"], [aria-current] { box-shadow: inset 0 0 0 2px var(--accent); font-weight: 600; }
.strips { display: grid; grid-template-columns: max-content 1fr max-content; gap: 0.2rem 0.6rem; }
canvas { display: block; width: 100%; height: 1.2rem; image-rendering: pixelated; }
.both { display: flex; flex-wrap: wrap; gap: 1rem; }
.both > * { flex: 1 1 20rem; min-width: 0; }
.heads { display: grid; gap: 0.5rem; max-width: 24rem; align-self: start; }
.heads button { width: 100%; padding: 2px; font-size: 0.8em; text-wrap: balance; }
.heads canvas { height: auto; }
svg { display: block; }
.controls[hidden] { display: none; }
.map { max-height: 80vh; overflow-y: auto; }
.map div { width: max-content; }
.map div div { display: flex; }
.map div div:first-child { position: sticky; top: 0; z-index: 1; background: var(--page); }
.map svg:first-child { position: sticky; left: 0; background: var(--page); }
rect { stroke: var(--accent); }
table { border-collapse: collapse; }
th, td { padding: 0.15rem 0.4rem; text-align: start; font-weight: 400; white-space: nowrap; }
svg, td { cursor: pointer; }
th[scope="row"], td:first-child { position: sticky; left: 0; background: var(--page); }
.bars td { min-width: min(9rem, 20vw); cursor: auto; }
i { display: block; height: 0.45rem; background: var(--accent); }
.truth i { background: light-dark(#b45f00, #f0a848); }
.no i { background: currentColor; }`;

  async build(root, data) {
    const note = make("output", {}, "Loading the model …");
    root.append(note);
    try {
      this.model = new Model(await this.bytes(), data.config);
    } catch (error) {
      note.textContent = `The weights could not be loaded: ${error.message}`;
      return;
    }
    const { layers, heads } = this.model;
    this.language = new Language(data.language);
    this.ids = new Map(data.words.map((word, id) => [word, id]));
    this.heads = Array.from({ length: layers * heads }, (_, i) => [Math.floor(i / heads), i % heads]);
    this.named = (i) => `layer ${this.heads[i][0]}, head ${this.heads[i][1]}`;
    Object.assign(this, { past: [], ablated: new Set(), chosen: 0, shows: [], parts: {} });
    note.replaceWith(...Object.entries(data.parts).map(([name, [title, text]]) => {
      const [nodes, show] = PARTS[name](this);
      this.shows.push(show);
      return this.parts[name] = make("section", {}, make("h2", {}, title), make("p", {}, text), ...nodes);
    }));
    root.append(foot("", saver(() => ["explorer", root])));
    this.tell(Object.values(data.stories)[0]);
    if (data.tour.length) this.parts.story.before(tour(this, stage));
  }

  async bytes() {
    const { weights, weights_url } = this.data;
    if (weights) return weights.values.buffer;
    // Pages on a disk can't fetch.
    const { lmvizWeights: held } = globalThis;
    if (held) return Uint8Array.from(atob(held), (c) => c.charCodeAt(0)).buffer;
    // Sphinx names the site's root.
    const { content_root = "." } = document.documentElement.dataset;
    const answer = await fetch(new URL(weights_url, new URL(content_root, location)));
    if (!answer.ok) throw new Error(`${weights_url}: ${answer.status}`);
    return answer.arrayBuffer();
  }

  get weights() {
    const [layer, head] = this.heads[this.chosen];
    return this.trace.attentions[layer][head];
  }

  // What was typed without a pause is undone in one step.
  tell(text, typing = false) {
    if (this.said && text !== this.written && !(typing && this.typing)) this.past.push(this.written);
    this.typing = typing;
    this.write(text);
  }

  write(text) {
    this.written = text;
    const words = [this.data.language.START, ...text.split(/\s+/).filter(Boolean)];
    const stop = words.findIndex((word, t) => !this.ids.has(word) || t >= this.model.context);
    this.said = stop < 0 ? words : words.slice(0, stop);
    this.rest = words.slice(this.said.length);
    this.at = this.key = this.said.length - 1;
    this.compute();
  }

  say(id) {
    this.tell([...this.said.slice(1, this.at + 1), this.data.words[id]].join(" "));
  }

  look(at, key = at) {
    this.at = Math.min(Math.max(at, 0), this.said.length - 1);
    this.key = Math.min(Math.max(key, 0), this.at);
    this.show();
  }

  choose(i) {
    this.chosen = i;
    this.show();
  }

  toggle(i) {
    if (!this.ablated.delete(i)) this.ablated.add(i);
    this.compute();
  }

  run(ablated) {
    const ids = this.said.map((word) => this.ids.get(word));
    return this.model.forward(ids, { ablate: [...ablated].map((i) => this.heads[i]) });
  }

  compute() {
    this.whole = this.run([]);
    this.trace = this.ablated.size ? this.run(this.ablated) : this.whole;
    this.show();
  }

  show() {
    for (const show of this.shows) show();
  }
});
