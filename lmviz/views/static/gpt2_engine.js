// The toy, a GPT-2, for the view of a model: it runs in the page itself, and its grammar gives
// the true distribution.
import { softmax, visible } from "./core.js";
import { Model, readWeights } from "./gpt2.js";
import { Language } from "./language.js";

const BEST = 10;
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

export class GPT2Engine {
  constructor(facts, report) {
    const { n_layer: layers, n_head: heads } = facts.config;
    Object.assign(this, facts, { layers, heads, vocabulary: facts.words.length, report, obstacle: "" });
    this.language = new Language(facts.language);
    this.ids = new Map(facts.words.map((word, id) => [word, id]));
    this.size = 0;
  }

  get ready() {
    return !!this.model;
  }

  get loaded() {
    return this.ready;
  }

  async load() {
    this.model = new Model(await readWeights(this), this.config);
  }

  encode(text) {
    const { START } = this.language;
    const words = [START, ...text.split(/\s+/).filter(Boolean)];
    const first = words.findIndex((word) => !this.ids.has(word));
    if (first >= 0) return { tokens: words.slice(0, first).map((word) => this.token(this.ids.get(word))),
      problem: `“${visible(words[first])}” is not in the toy’s vocabulary of ${this.words.length} words: the text is read up to there.` };
    const { choices, wrong } = this.language.read(words);
    const expected = wrong === null ? [] : [...choices[wrong].probs.keys()];
    return { tokens: words.map((word) => this.token(this.ids.get(word))), warning: wrong === null ? ""
      : `Not a story: position ${wrong} must be ${expected.join(", ") || "nothing"}, got ${words[wrong]}.` };
  }

  token(id) {
    return { id, name: this.words[id], bytes: "a word" };
  }

  name(id) {
    return this.words[id];
  }

  // The id of a word; undefined if there is none.
  find(name) {
    return this.ids.get(name);
  }

  join(tokens) {
    return tokens.slice(1).map(({ name }) => name).join(" ");
  }

  has() {
    return this.ready;
  }

  #run(off) {
    const ablate = off.flatMap((heads, layer) => heads.map((head) => [layer, head]));
    return this.model.forward(this.text, { ablate });
  }

  read(ids, off) {
    this.text = ids;
    this.whole = this.#run([]);
    this.now = off.some((heads) => heads.length) ? this.#run(off) : this.whole;
    this.now.attentions.forEach((heads, layer) => this.report({ kind: "layer", layer,
      maps: Uint16Array.from(heads.flatMap((rows) => rows.flatMap((row, q) => Array.from(row.slice(0, q + 1), (w) => Math.round(65535 * w))))) }));
    const [probs, whole] = [this.now, this.whole].map((run) => run.logits.map((row) => softmax(row)));
    const [surprisal, before] = [probs, whole].map((rows) => ids.map((id, t) => (t ? -Math.log(rows[t - 1][id]) : undefined)));
    return { surprisal, before, best: this.now.logits.map((row, t) => this.#top(row, probs[t])) };
  }

  #top(logits, probs) {
    return Array.from(logits, (logit, id) => [id, logit, probs[id]]).sort((a, b) => b[1] - a[1]).slice(0, BEST);
  }

  look(q, off, words) {
    const { whole } = this;
    const now = off.some((heads) => heads.length) ? this.now : whole;
    const lens = now.lens.map((rows) => {
      const probs = softmax(rows[q]);
      return { best: this.#top(rows[q], probs), logs: words.map((id) => Math.log(probs[id])),
        rank: 1 + rows[q].filter((logit) => logit > rows[q][words[0]]).length };
    });
    const { probs } = this.language.nextToken(this.text.slice(0, q + 1).map((id) => this.words[id]));
    const truth = probs?.size ? new Map([...probs].map(([word, p]) => [this.ids.get(word), p])) : null;
    return { logits: now.logits[q], before: now === whole ? null : whole.logits[q], lens, truth,
      contributions: this.#contributions(now, q, ...words) };
  }

  // A part of the last state as it counts for the logits: less its mean, over the state's
  // standard deviation, times the final norm's weights.
  #normed(run, part, q) {
    const state = run.residual.at(-1)[q];
    const mean = (row) => row.reduce((a, b) => a + b) / row.length;
    const [middle, own] = [mean(state), mean(part)];
    const spread = Math.sqrt(mean(state.map((x) => (x - middle) ** 2)) + this.model.epsilon);
    const scale = this.model.part("ln_f.weight");
    return Array.from(part, (x, i) => (x - own) / spread * scale[i]);
  }

  #written(run, layer, head, q) {
    const weight = this.model.part(`h.${layer}.attn.c_proj.weight`);
    const size = weight.length / this.heads;
    const out = run.outputs[layer][q].subarray(head * size, (head + 1) * size);
    return weight[0].map((_, j) => out.reduce((sum, x, i) => sum + x * weight[head * size + i][j], 0));
  }

  #direction(first, second) {
    const words = this.model.part("wte.weight");
    return words[first].map((x, i) => x - words[second][i]);
  }

  #contributions(run, q, first, second) {
    const direction = this.#direction(first, second);
    const along = (part) => dot(this.#normed(run, part, q), direction);
    const minus = (a, b) => a.map((x, i) => x - b[i]);
    const { residual, attentions } = run;
    let rest = dot(this.model.part("ln_f.bias"), direction);
    const layers = attentions.map((heads, layer) => {
      const each = heads.map((_, head) => along(this.#written(run, layer, head, q)));
      const bias = along(this.model.part(`h.${layer}.attn.c_proj.bias`));
      rest += bias;
      const added = along(minus(residual[layer + 1][q], residual[layer][q]));
      return { heads: each, mlp: added - bias - each.reduce((a, b) => a + b) };
    });
    return { embedding: along(residual[0][q]), layers, rest };
  }

  head(layer, head, q, off, words) {
    const normed = this.#normed(this.now, this.#written(this.now, layer, head, q), q);
    const logits = this.model.part("wte.weight").map((word, id) => [id, dot(normed, word)]).sort((a, b) => b[1] - a[1]);
    const rows = this.now.attentions[layer][head];
    return { map: Float32Array.from(rows.flatMap((row, t) => Array.from(row.slice(0, t + 1)))),
      writes: logits.slice(0, BEST), ...this.#queryAndValues(layer, head, q, off, words) };
  }

  // The scores of a query, the length of what the head would write from each key alone, and what
  // each key adds to a difference of logits.
  #queryAndValues(layer, head, q, off, [first, second]) {
    const { model } = this;
    const block = `h.${layer}`;
    const weight = model.part(`${block}.attn.c_proj.weight`);
    const size = weight.length / this.heads;
    const mixed = model.linear(model.norm(this.now.residual[layer].slice(0, q + 1), `${block}.ln_1`), `${block}.attn.c_attn`);
    const part = (row, kind) => row.subarray((kind * this.heads + head) * size, (kind * this.heads + head + 1) * size);
    const written = mixed.map((row) => weight[0].map((_, j) =>
      part(row, 2).reduce((sum, x, i) => sum + x * weight[head * size + i][j], 0)));
    const direction = this.#direction(first, second);
    const attends = off[layer].includes(head) ? [] : this.now.attentions[layer][head][q];
    return { scores: mixed.map((row) => dot(part(mixed[q], 0), part(row, 1)) / Math.sqrt(size)),
      lengths: written.map((row) => Math.hypot(...row)),
      added: written.map((row, k) => (attends[k] ?? 0) * dot(this.#normed(this.now, row, q), direction)) };
  }

  lens() {
    const { lens } = this.now;
    return { rows: this.text.map((_, q) => lens.map((rows) => this.#top(rows[q], softmax(rows[q])))) };
  }

  effects(q, words, off) {
    for (let layer = 0; layer < this.layers; layer++)
      for (let head = 0; head < this.heads; head++) {
        const more = off.map((heads, l) => (l === layer ? [...heads, head] : heads));
        const probs = softmax(this.#run(more).logits[q]);
        this.report({ kind: "effect", layer, head, logs: words.map((id) => Math.log(probs[id])) });
      }
    return {};
  }

  stop() {}
}
