// Inside the model: a language model runs in the page, on any text, with any heads ablated.
import { define, foot, make, steps } from "./core.js";
import { GPT2Engine } from "./gpt2_engine.js";
import { LlamaEngine } from "./llama_engine.js";
import { EFFECTS, effectsPart } from "./model_effects.js";
import { HEAD, headPart } from "./model_head.js";
import { NEXT, nextPart } from "./model_next.js";
import { LENS, lensPart } from "./model_lens.js";
import { LAYOUT, loadPart } from "./model_load.js";
import { Reader } from "./model_reader.js";
import { TERMS } from "./model_terms.js";
import { TEXT, textPart } from "./model_text.js";
import { TOUR, tourPart } from "./model_tour.js";
import { WORDS } from "./model_vocabulary.js";
import { WHOLE, wholePart } from "./model_whole.js";
import { readAddress, toPython, writeAddress } from "./model_share.js";
import { saver } from "./save.js";

const ENGINES = { llama: LlamaEngine, gpt2: GPT2Engine };

define("lmviz-model", class extends Reader {
  static css = `${LAYOUT}${TEXT}${WHOLE}${HEAD}${NEXT}${EFFECTS}${LENS}${TOUR}${TERMS}${WORDS}`;

  build(root, data) {
    this.root = root;
    this.engines = data.models.map((facts) => new ENGINES[facts.kind]({ ...facts,
      address: facts.files && new URL(facts.files, new URL(document.documentElement.dataset.content_root ?? ".", location)).href }, (message) => this.hear(message, facts.id)));
    Object.assign(this, { kept: new Map(), sweeps: new Map(), trying: "", past: [], tokens: [], q: 0, mode: "attention", arc: "weights", asked: 0, problem: "" });
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
    this.text.node.firstChild.append(data.tour.length ? start : "", this.models);
    root.append(nodes[0], this.body,
      foot("Everything is computed in this page; nothing you write is sent anywhere.", this.copier("Copy as Python", () => toPython(this)),
        this.copier("Copy the link", () => writeAddress(this)), saver(() => ["model", this.body])));
    const wanted = readAddress(this.engines);
    this.use(wanted.engine, wanted);
    // A link to this page that is followed on this page.
    addEventListener("hashchange", () => {
      const next = readAddress(this.engines);
      if (next.text == null) return;
      const same = next.engine === this.engine;
      if (same) this.keep();
      else this.kept.set(this.engine, this.leave());
      this.use(next.engine, { ...next, past: same ? this.past : [] });
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

  async use(engine, { past = [], mode = "attention", arc = "weights", dials, ...state } = {}) {
    if (this.trying) this.stopTrying();
    Object.assign(this, { engine, past, typed: NaN, said: null, failure: "", tokens: [], bases: null, mode, arc, held: false, halted: null });
    this.clear();
    this.next.turn(dials);
    this.put(state);
    if (engine.kind === "gpt2" && !engine.ready) await this.start();
  }

  // Change the model; each keeps its own text, position, heads and dials.
  turn(engine) {
    this.kept.set(this.engine, this.leave());
    this.use(engine, this.kept.get(engine));
  }

  // What `use` takes to come back to all that a reader has set.
  leave() {
    const { mode, arc } = this;
    return { ...this.state(), past: [...this.past], mode, arc, dials: { ...this.next.dials } };
  }

  // For the tour: the first example, with what a step sets. A text that is there already is not
  // computed again.
  async reset({ head = this.engines[0].start, mode = "attention", off = [] } = {}) {
    const [engine] = this.engines;
    const text = Object.values(engine.examples)[0];
    if (this.trying) this.stopTrying();
    const wanted = { text, off: engine.ready ? off : [], layer: head[0], head: head[1] };
    const now = this.state();
    if (engine !== this.engine || now.text !== text) await this.use(engine, wanted);
    else if (now.q == null && !now.pair && `${now.off}` === `${wanted.off}`) this.choose(...head);
    else this.put(wanted);
    Object.assign(this, { mode, arc: "weights", held: false });
    this.next.turn();
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
      this.findSweep();
      for (const button of this.models.children) button.ariaPressed = button.value === this.engine.title;
      for (const part of this.parts) part.show();
    });
  }
});
