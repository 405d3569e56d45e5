// Inside the model: a language model runs in the page, on any text, with any heads ablated.
import { View, define, foot, make, steps } from "./core.js";
import { GPT2Engine } from "./gpt2_engine.js";
import { LlamaEngine } from "./llama_engine.js";
import { EFFECTS, effectsPart } from "./model_effects.js";
import { HEAD, headPart } from "./model_head.js";
import { NEXT, nextPart } from "./model_next.js";
import { LENS, lensPart } from "./model_lens.js";
import { LAYOUT, loadPart } from "./model_load.js";
import { TEXT, textPart } from "./model_text.js";
import { TOUR, tourPart } from "./model_tour.js";
import { WHOLE, wholePart } from "./model_whole.js";
import { readAddress, toPython, writeAddress } from "./model_share.js";
import { ranked } from "./sampling.js";
import { saver } from "./save.js";

const ENGINES = { llama: LlamaEngine, gpt2: GPT2Engine };
const clamp = (x, n) => Math.min(Math.max(x, 0), n - 1);

define("lmviz-model", class extends View {
  static css = `${LAYOUT}${TEXT}${WHOLE}${HEAD}${NEXT}${EFFECTS}${LENS}${TOUR}`;

  build(root, data) {
    this.root = root;
    this.engines = data.models.map((facts) => new ENGINES[facts.kind]({ ...facts,
      address: facts.files && new URL(facts.files, new URL(document.documentElement.dataset.content_root ?? ".", location)).href,
      weights: () => this.bytes(facts) }, (message) => this.hear(message, facts.id)));
    Object.assign(this, { kept: new Map(), past: [], tokens: [], q: 0, mode: "attention", arc: "weights", asked: 0, problem: "" });
    this.load = loadPart(this);
    this.text = textPart(this);
    this.whole = wholePart(this);
    this.next = nextPart(this);
    this.parts = [this.load, this.text, this.whole, headPart(this), effectsPart(this), this.next, lensPart(this)];
    const nodes = this.parts.map(({ node }) => node);
    const names = this.engines.map(({ title }) => title);
    this.models = names.length > 1 ? steps("Model", names, names[0], (name) => this.turn(this.engines[names.indexOf(name)])) : make("span");
    this.body = make("div", { class: "body" }, ...nodes.slice(1));
    const { start } = tourPart(this, data.tour);
    // The tour leads through the heads of SmolLM2.
    this.text.node.firstChild.append(this.engines[0].kind === "llama" ? start : "", this.models);
    root.append(nodes[0], this.body,
      foot("Everything is computed in this page; nothing you write is sent anywhere.", this.copier("Copy as Python", () => toPython(this)),
        this.copier("Copy the link", () => writeAddress(this)), saver(() => ["model", this.body])));
    const wanted = readAddress(this.engines);
    this.use(wanted.engine, wanted);
    // A link to this page that is followed on this page.
    addEventListener("hashchange", () => {
      const next = readAddress(this.engines);
      if (next.text != null) this.use(next.engine, next);
    });
  }

  copier(label, what) {
    return make("button", { onclick: async () => {
      const said = this.text.notice;
      try {
        await navigator.clipboard.writeText(what());
        said.textContent = `${label.replace("Copy", "Copied")}.`;
      } catch {
        said.textContent = what();
      }
    } }, label);
  }

  // A file that comes with the page, or one from the site.
  async bytes({ weights, weights_url }) {
    if (weights) return weights.values.buffer;
    const { lmvizWeights: held } = globalThis; // pages on a disk can't fetch
    if (held) return Uint8Array.from(atob(held), (c) => c.charCodeAt(0)).buffer;
    const { content_root = "." } = document.documentElement.dataset;
    const answer = await fetch(new URL(weights_url, new URL(content_root, location)));
    if (!answer.ok) throw new Error(`the server answered ${answer.status} for the weights`);
    return answer.arrayBuffer();
  }

  async use(engine, { text, off = [], layer, head, q } = {}) {
    if (this.trying) this.stopTrying();
    Object.assign(this, { engine, trying: "", past: [], said: null, failure: "", tokens: [], bases: null, mode: "attention" });
    this.clear();
    this.next.reset();
    this.off = Array.from({ length: engine.layers }, (_, l) => [...new Set(off.filter(([at]) => at === l).map(([, h]) => h))]);
    [this.layer, this.head] = [clamp(layer ?? engine.start[0], engine.layers), clamp(head ?? engine.start[1], engine.heads)];
    this.write(text ?? Object.values(engine.examples)[0], q);
    if (engine.kind === "gpt2" && !engine.ready) await this.start();
  }

  // Change the model; each keeps its own text, position and heads.
  turn(engine) {
    const { past } = this;
    this.kept.set(this.engine, { ...this.state(), past });
    const before = this.kept.get(engine);
    this.use(engine, before);
    this.past = before?.past ?? [];
  }

  // What `use` takes to come back to it.
  state() {
    const { engine, said: text, layer, head, q } = this;
    return { engine, text, layer, head, q, off: this.off.flatMap((heads, at) => heads.map((one) => [at, one])) };
  }

  // For the tour: the first example, with what a step sets. A text that is there already is not
  // computed again.
  async reset({ head = [23, 4], mode = "attention", off = [] } = {}) {
    const [engine] = this.engines;
    const text = Object.values(engine.examples)[0];
    const now = `${this.off.flatMap((heads, layer) => heads.map((h) => [layer, h]))}`;
    Object.assign(this, { mode, arc: "weights" });
    if (engine !== this.engine || this.said !== text) await this.use(engine, { text, layer: head[0], head: head[1] });
    [this.layer, this.head, this.q] = [...head, this.tokens.length - 1];
    if (now !== `${off}` && engine.ready) {
      this.off = this.off.map((_, layer) => off.filter(([l]) => l === layer).map(([, h]) => h));
      this.compute();
    } else this.again();
    await this.settled();
  }

  // Load the model of the page, then compute.
  async start() {
    const { engine } = this;
    this.failure = "";
    try {
      const loading = engine.load(this.tokens.map(({ id }) => id));
      this.show();
      if (engine.kind === "llama" && this.tokens.length) this.compute();
      await loading;
    } catch (error) {
      if (engine === this.engine) this.failure = error.message;
    }
    if (engine === this.engine) this.tokens.length && !this.failure ? this.compute() : this.write(this.said, this.q);
    this.show();
  }

  // What a reader has typed, an example, or the text of a link.
  async write(text, q) {
    if (this.said != null && text !== this.said) this.past.push(this.said);
    this.said = text;
    const { engine } = this;
    const { tokens, problem = "", warning = "", wait } = engine.encode(text);
    if (wait) {
      try {
        await wait;
      } catch (error) {
        this.failure = error.message;
        return this.set([]);
      }
      return this.said === text && this.engine === engine ? this.write(text, q) : undefined;
    }
    this.problem = problem || warning;
    this.set(tokens, q);
  }

  // As many tokens as fit: all that is shown is of these.
  set(tokens, q) {
    const { longest } = this.engine;
    if (tokens.length > longest) this.problem = `The text is cut after ${longest} tokens, the most that fit in the page.`;
    if (!tokens.length && !this.failure) this.problem ||= "Write a text: without a token, there is nothing to predict from.";
    this.tokens = tokens.slice(0, longest);
    this.q = clamp(q ?? this.tokens.length - 1, this.tokens.length);
    this.maps = [];
    this.forget();
    this.compute();
  }

  // The text of the tokens, which is shorter than what was typed if some of that can't be read.
  get read() {
    return this.engine.join(this.tokens);
  }

  clear() {
    Object.assign(this, { found: null, seen: null, words: null, written: null, lengths: null, scores: null, effects: null, maps: [], map: null, busy: "" });
  }

  // Effects belong to one text and one position.
  forget() {
    if (this.trying) this.engine.stop();
    this.effects = null;
    if (this.mode === "effect") this.mode = "attention";
  }

  undo() {
    const text = this.past.pop();
    this.said = null;
    this.write(text);
  }

  append(id, undoable) {
    const tokens = [...this.tokens.slice(0, this.q + 1), this.engine.token(id)];
    if (undoable) this.past.push(this.said);
    this.said = this.engine.join(tokens);
    this.problem = "";
    this.set(tokens);
  }

  async compute() {
    const { engine, tokens, off } = this;
    const ids = tokens.map(({ id }) => id);
    const mine = ++this.asked;
    if (!ids.length || !engine.has(ids, off)) {
      this.clear();
      return this.show();
    }
    this.busy = "Computing …";
    this.map = null;
    this.show();
    this.work = this.run(mine, ids, off);
    await this.work;
  }

  async run(mine, ids, off) {
    try {
      const found = await this.engine.read(ids, off);
      if (mine !== this.asked) return;
      if (found) {
        this.found = found;
        // Another position or head may be chosen meanwhile.
        for (let at; at !== (at = `${[this.q, this.layer, this.head]}`) && mine === this.asked;) await this.see();
      }
    } catch (error) {
      if (mine === this.asked) this.failure = error.message;
    }
    if (mine === this.asked) this.busy = "";
    this.show();
  }

  // When nothing newer is under way.
  async settled() {
    for (let work; work !== this.work;) await (work = this.work);
  }

  // The position and the head that are looked at.
  async see() {
    const { engine, q, off, layer, head, asked } = this;
    const late = () => asked !== this.asked || q !== this.q;
    const key = `${q} ${this.tokens.map(({ id }) => id)}`;
    const none = off.map(() => []);
    const ablates = off.some((heads) => heads.length);
    const remember = (words, { lens, contributions }) => (this.bases = { key, words, log: lens.at(-1).logs[0], contributions });
    let words = this.found.best[q].slice(0, 2).map(([id]) => id);
    // With heads ablated, the question stays that of the whole model.
    if (ablates && this.bases?.key !== key) {
      const whole = await engine.look(q, none, words);
      if (!whole || late()) return;
      words = Array.from(ranked(whole.logits).subarray(0, 2));
      const before = await engine.look(q, none, words);
      if (!before || late()) return;
      remember(words, before);
    }
    if (ablates) ({ words } = this.bases);
    const seen = await engine.look(q, off, words);
    if (!seen || late()) return;
    if (!ablates) remember(words, seen);
    Object.assign(this, { seen, words });
    const one = await engine.head(layer, head, q, off);
    if (layer === this.layer && head === this.head && !late())
      Object.assign(this, { map: one && { layer, head, values: one.map }, written: one?.writes, lengths: one?.lengths, scores: one?.scores });
  }

  get answer() {
    return this.words?.map((id) => this.engine.name(id));
  }

  hear(message, id) {
    if (id !== this.engine.id) return;
    if (message.kind === "layer") {
      this.maps[message.layer] = message.maps;
      if (this.engine.ready && this.found) return;
    }
    if (message.kind === "effect") {
      if (!this.effects) return;
      this.effects[message.layer][message.head] = message.effect;
      this.trying = `${this.effects.flat().filter((e) => e != null).length} of ${this.engine.layers * this.engine.heads}`;
    }
    this.show();
  }

  // The attention weights of a query, in floats for the chosen head and in two bytes for others.
  row(layer, head, q) {
    const start = q * (q + 1) / 2;
    if (this.map?.layer === layer && this.map.head === head) return Array.from(this.map.values.subarray(start, start + q + 1));
    const maps = this.maps[layer];
    if (!maps) return null;
    const size = maps.length / this.engine.heads;
    const at = head * size + start;
    return size > start ? Array.from(maps.subarray(at, at + q + 1), (code) => code / 65535) : null;
  }

  // What the arcs in the text show of the chosen head: its weights, or how much each key adds to
  // the stream, which is weight times length, as shares of their sum.
  arcs() {
    const weights = this.row(this.layer, this.head, this.q);
    if (!weights || this.arc === "weights") return weights;
    if (this.off[this.layer].includes(this.head)) return null; // it adds nothing
    if (this.lengths?.length !== weights.length) return weights;
    const added = weights.map((weight, k) => weight * this.lengths[k]);
    const sum = added.reduce((a, b) => a + b);
    return added.map((length) => length / (sum || 1));
  }

  // The largest weight on a key other than the first, which most heads attend to anyway.
  strongest(layer, head) {
    const row = this.row(layer, head, this.q);
    if (!row) return undefined;
    const from = this.q ? 1 : 0;
    const weight = Math.max(...row.slice(from));
    return [weight, row.indexOf(weight, from)];
  }

  look(q) {
    this.q = clamp(q, this.tokens.length);
    this.forget();
    this.again();
  }

  choose(layer, head) {
    [this.layer, this.head] = [clamp(layer, this.engine.layers), clamp(head, this.engine.heads)];
    this.written = this.lengths = this.scores = null;
    this.again();
    this.whole.reveal();
  }

  // Another position or head of the same run.
  again() {
    this.show();
    if (this.found && !this.busy) this.work = this.see().then(() => this.show(), (error) => ((this.failure = error.message), this.show()));
  }

  toggle(layer, head) {
    this.off = this.off.map((heads, l) => (l !== layer ? heads : heads.includes(head) ? heads.filter((h) => h !== head) : [...heads, head]));
    if (!this.onlyOff(layer, head)) this.forget();
    this.compute();
  }

  restore() {
    this.off = this.off.map(() => []);
    this.forget();
    this.compute();
  }

  onlyOff(layer, head) {
    return this.off.every((heads, l) => (l === layer ? `${heads}` === `${head}` : !heads.length));
  }

  namedOff() {
    return this.off.flatMap((heads, layer) => heads.map((head) => `${layer}.${head}`)).join(", ");
  }

  base() {
    return this.bases?.log ?? this.seen.lens.at(-1).logs[0];
  }

  // The direct contributions with all heads on: an ablated one has none.
  direct() {
    return this.seen && (this.bases?.contributions ?? this.seen.contributions);
  }

  change() {
    return this.seen.lens.at(-1).logs[0] - this.base();
  }

  async tryAll() {
    const { engine, q, off, words: [word] } = this;
    this.effects = Array.from({ length: engine.layers }, () => Array(engine.heads).fill(null));
    this.trying = "0";
    this.mode = "effect";
    this.show();
    await engine.effects(q, word, off);
    this.chooseLargest();
    this.trying = "";
    this.show();
  }

  // The head without which the answer falls most is shown.
  chooseLargest() {
    const all = (this.effects ?? []).flatMap((row, layer) => row.map((effect, head) => [effect, layer, head]))
      .filter(([effect]) => effect != null);
    if (!all.length) return;
    const [, layer, head] = all.reduce((least, one) => (one[0] < least[0] ? one : least));
    this.choose(layer, head);
  }

  stopTrying() {
    this.engine.stop();
  }

  // Draw with the next frame, once.
  show() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      for (const button of this.models.children) button.ariaPressed = button.textContent === this.engine.title;
      for (const part of this.parts) part.show();
    });
  }
});
