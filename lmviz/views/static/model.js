// Inside the model: a language model runs in the page, on any text, with any heads ablated.
import { define, foot, make, steps } from "./core.js";
import { GPT2Engine } from "./gpt2_engine.js";
import { LlamaEngine } from "./llama_engine.js";
import { EFFECTS, effectsPart } from "./model_effects.js";
import { HEAD, headPart } from "./model_head.js";
import { NEXT, nextPart } from "./model_next.js";
import { LENS, lensPart } from "./model_lens.js";
import { LAYOUT, loadPart } from "./model_load.js";
import { Reader, within } from "./model_reader.js";
import { TEXT, textPart } from "./model_text.js";
import { TOUR, tourPart } from "./model_tour.js";
import { WHOLE, wholePart } from "./model_whole.js";
import { readAddress, toPython, writeAddress } from "./model_share.js";
import { saver } from "./save.js";

const ENGINES = { llama: LlamaEngine, gpt2: GPT2Engine };

define("lmviz-model", class extends Reader {
  static css = `${LAYOUT}${TEXT}${WHOLE}${HEAD}${NEXT}${EFFECTS}${LENS}${TOUR}`;

  build(root, data) {
    this.root = root;
    this.engines = data.models.map((facts) => new ENGINES[facts.kind]({ ...facts,
      address: facts.files && new URL(facts.files, new URL(document.documentElement.dataset.content_root ?? ".", location)).href }, (message) => this.hear(message, facts.id)));
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

  async use(engine, { text, off = [], layer, head, q } = {}) {
    if (this.trying) this.stopTrying();
    Object.assign(this, { engine, trying: "", past: [], said: null, failure: "", tokens: [], bases: null, mode: "attention" });
    this.clear();
    this.next.reset();
    this.off = Array.from({ length: engine.layers }, (_, l) => [...new Set(off.filter(([at]) => at === l).map(([, h]) => h))]);
    [this.layer, this.head] = [within(layer ?? engine.start[0], engine.layers), within(head ?? engine.start[1], engine.heads)];
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

  // Draw with the next frame, once.
  show() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      for (const button of this.models.children) button.ariaPressed = button.textContent === this.engine.title;
      for (const part of this.parts) part.show();
    });
  }
});
