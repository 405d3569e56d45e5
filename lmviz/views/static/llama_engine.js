// A model of the Llama family for the view of a model: its tokenizer, the worker that runs it,
// and until that is loaded, what was stored of one text.
import { hex, readable, tokenizer } from "./bpe.js";
import { visible } from "./core.js";
import { fetchFile } from "./files.js";
import { supported } from "./llama.js";
import { Remote } from "./remote.js";

const decode = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(bytes));

export class LlamaEngine {
  constructor(facts, report) {
    const { layers, heads, words } = facts.index.config;
    Object.assign(this, facts, { layers, heads, vocabulary: words.rows, report });
    this.size = facts.index.files.reduce((sum, { bytes }) => sum + bytes, 0);
    this.received = 0;
    for (const look of this.stored?.looks ?? []) look.logits = this.#spread(look.top);
  }

  // Few logits are stored: all others share the rest of the probability.
  #spread({ ids, logits, log_sum: logSum }) {
    const mass = logits.reduce((sum, logit) => sum + Math.exp(logit - logSum), 0);
    const others = logSum + Math.log(Math.max(1 - mass, 1e-12) / (this.vocabulary - ids.length));
    const all = new Float32Array(this.vocabulary).fill(others);
    ids.forEach((id, i) => (all[id] = logits[i]));
    return all;
  }

  get ready() {
    return this.loaded === true;
  }

  // Why it can't run here, if so.
  get obstacle() {
    if (location.protocol === "file:") return "From a file, the model can’t run: a browser lets only a site fetch files. ";
    if (!globalThis.lmvizFolder) return "In a notebook or a saved file, the model can’t run: it is on the site of the book. ";
        if (!globalThis.Worker) return "This browser has no workers, in which the model would run. ";
    return supported() ? "" : "This browser has no SIMD instructions for WebAssembly, which the model needs. ";
  }

  async words() {
    this.coder ??= fetchFile(this.index.tokenizer, this.address)
      .then((buffer) => (this.tokenizer = tokenizer(JSON.parse(decode(buffer)))));
    this.coder.catch(() => (this.coder = null));
    return this.coder;
  }

  encode(text) {
    if (text === this.stored?.text) return { tokens: this.stored.tokens };
    if (!this.ready && this.obstacle) return { tokens: [], problem: `Here, ${this.stored ? "only the first example" : "no text"} has numbers.` };
    if (!this.tokenizer) return { wait: this.words() };
    // The time that a long word takes grows with its square.
    const most = 32 * this.longest;
    if (text.length > most) return { problem: `The text is cut after ${most} characters.`, ...this.encode(text.slice(0, most)) };
    const missing = this.tokenizer.missing(text);
    const start = missing ? text.slice(0, text.indexOf(missing)) : text;
    const blank = /^\p{White_Space}*$/u.test(start); // which lmviz refuses, too
    const tokens = blank ? [] : this.tokenizer.encode(start).map((token) => this.#shown(token));
    if (!missing) return { tokens };
    const bytes = hex([...new TextEncoder().encode(missing)]);
    return { tokens, problem: `The model’s vocabulary lacks a byte of “${visible(missing)}” (${bytes}): the text is read up to there.` };
  }

  #shown(token) {
    return { id: token.id, name: readable(token), bytes: hex(token.bytes), raw: token.bytes };
  }

  token(id) {
    return this.#shown(this.tokenizer.token(id));
  }

  name(id) {
    return this.stored?.names[id] ?? (this.tokenizer ? readable(this.tokenizer.token(id)) : `id ${id}`);
  }

  // The id of a token as the page writes it; undefined if the text is not one token.
  find(name) {
    const text = name.replaceAll("␣", " ").replaceAll("↵", "\n").replaceAll("⇥", "\t");
    const found = this.tokenizer.missing(text) ? [] : this.tokenizer.encode(text);
    return found.length === 1 ? found[0].id : undefined;
  }

  join(tokens) {
    if (`${tokens.map(({ id }) => id)}` === `${this.stored?.ids}`) return this.stored.text;
    return decode(tokens.flatMap(({ id, raw }) => raw ?? this.token(id).raw));
  }

  // Progress comes as reports; a failure is an error that says which file, and may be retried.
  async load(ids) {
    this.remote ??= new Remote(new URL("worker.js", globalThis.lmvizFolder), (message) => {
      if (message.kind === "progress") this.received = message.received;
      this.report(message);
    });
    this.loaded = "loading";
    const { index, address } = this;
    try {
      await Promise.all([this.words(), this.remote.ask("load", { code: new URL("llama.wasm", globalThis.lmvizFolder).href, index, address, ids })]);
      this.loaded = true;
    } catch (error) {
      this.loaded = undefined;
      throw error;
    }
  }

  // Questions to the worker. Without it, what is stored answers for its text.
  #ask(kind, question, stored) {
    if (this.loaded) return this.remote.ask(kind, question);
    return stored ?? null;
  }

  has(ids, off) {
    return !!this.loaded || (`${ids}` === `${this.stored?.ids}` && off.every((heads) => !heads.length));
  }

  async read(ids, off) {
    if (!this.loaded) this.stored.maps.forEach(({ values }, layer) => this.report({ kind: "layer", layer,
      maps: Uint16Array.from(values, (weight) => Math.round(65535 * weight)) }));
    return this.#ask("read", { ids, off }, this.stored);
  }

  look(q, off, words) {
    return this.#ask("look", { q, off, words }, this.stored?.looks[q]);
  }

  head(layer, head, q, off, words) {
    const { values } = this.stored?.maps[layer] ?? {};
    const n = values?.length / this.heads;
    return this.#ask("head", { layer, head, q, off, words }, values && { map: values.subarray(head * n, (head + 1) * n) });
  }

  lens(off) {
    return this.#ask("lens", { off });
  }

  effects(q, words, off, from) {
    return this.#ask("effects", { q, words, off, from });
  }

  stop() {
    this.remote?.ask("stop", {});
  }
}
