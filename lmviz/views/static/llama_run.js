// What a model of the Llama family computes on a text: all layers, and what can be read off them.
import { BEST, LONGEST, along } from "./llama.js";

// All that the layers compute on a text, kept, so that a change of the text or of the ablated
// heads computes only what differs.
export class Run {
  constructor(model) {
    const { layers, width, heads, kvHeads, headSize } = model;
    const many = (count, size) => Array.from({ length: count }, () => model.room(4 * size));
    this.square = LONGEST * (LONGEST + 1) / 2;
    Object.assign(this, { model, ids: [], off: Array(layers).fill(""), done: Array(layers).fill(0), scored: 0,
      states: many(layers + 1, LONGEST * width), outputs: many(layers, LONGEST * heads * headSize),
      keys: many(layers, LONGEST * kvHeads * headSize), values: many(layers, LONGEST * kvHeads * headSize),
      attention: many(layers, heads * this.square), mask: model.room(heads),
      surprisal: [], best: [], logSums: [] });
  }

  // Compute all layers on `ids` without the heads that `off` lists for each layer, which `ready`
  // promises one after the other. `reached` is told of each; the run ends early when `pause` says so.
  async read(ids, off, { reached, pause, ready }) {
    const { model, done } = this;
    const n = ids.length;
    this.#begin(ids, off);
    for (let t = 0; t < n; t++) model.code.embedding(model.embedding, ids[t], this.states[0] + 4 * t * model.width);
    for (let layer = 0; layer < done.length; layer++) {
      if (await pause(ready(layer))) return false;
      if (done[layer] < n) this.#layer(layer, off[layer], done[layer], n);
      done[layer] = n;
      reached(layer);
      if (await pause()) return false;
    }
    return true;
  }

  // Keep what a new text and other ablated heads do not change.
  #begin(ids, off) {
    const { done } = this;
    const same = this.ids.findIndex((id, i) => id !== ids[i]);
    const kept = Math.min(ids.length, same < 0 ? this.ids.length : same);
    const other = off.findIndex((heads, layer) => `${heads}` !== this.off[layer]);
    for (let layer = 0; layer < done.length; layer++)
      done[layer] = other >= 0 && layer >= other ? 0 : Math.min(done[layer], kept);
    this.scored = other >= 0 ? 0 : Math.min(this.scored, kept);
    Object.assign(this, { ids, off: off.map(String) });
  }

  #layer(layer, off, from, to) {
    this.silence(off);
    const { model: { code, weights, cos, sin }, states, keys, values, attention, outputs, mask } = this;
    code.layer(weights[layer].all, states[layer], states[layer + 1], keys[layer], values[layer],
      attention[layer], outputs[layer], cos, sin, mask, from, to);
  }

  silence(off) {
    const { model: { memory, heads } } = this;
    const mask = new Uint8Array(memory.buffer, this.mask, heads).fill(0);
    for (const head of off) mask[head] = 1;
  }

  // Take over from another run of the same text the layers before the first that differs. Later
  // ones keep the start of the text, as far as the same heads were ablated there before.
  adopt(run, off) {
    const { model: { memory, width, heads, kvHeads, headSize }, done } = this;
    const { ids } = run;
    const layer = off.findIndex((heads) => heads.length);
    if (layer < 0) return;
    const copy = (to, from, size) => new Uint8Array(memory.buffer).copyWithin(to, from, from + 4 * size);
    const n = ids.length;
    for (let i = 0; i < layer; i++) {
      for (const name of ["keys", "values"]) copy(this[name][i], run[name][i], n * kvHeads * headSize);
      copy(this.states[i + 1], run.states[i + 1], n * width);
      copy(this.outputs[i], run.outputs[i], n * heads * headSize);
      copy(this.attention[i], run.attention[i], heads * this.square);
    }
    this.#begin(ids, off);
    done.fill(n, 0, layer);
  }

  // For each token that is new, its surprisal in nats and the most likely words after it.
  score() {
    const { model, ids, scored: from, states, best, logSums, surprisal } = this;
    const n = ids.length - from;
    const norm = (t, count) => model.norm(states.at(-1) + 4 * t * model.width, count, model.normed);
    if (n > 0) {
      norm(from, n);
      const found = model.largest(model.normed, n);
      for (let i = 0; i < n; i++) {
        best[from + i] = top(found.ids, found.logits, found.logSums, i);
        logSums[from + i] = found.logSums[i];
      }
    }
    // The last token that was there before has another one after it.
    for (let t = Math.max(from, 1); t < ids.length; t++) {
      norm(t - 1, 1);
      surprisal[t] = logSums[t - 1] - model.logit(model.normed, ids[t]);
    }
    surprisal.length = best.length = this.scored = ids.length;
  }

  // The logit lens of one position: the most likely words of each state, log p of `ids` and the
  // rank of the first of them.
  lens(q, ids) {
    const { model, states } = this;
    const { width, normed } = model;
    states.forEach((state, i) => model.norm(state + 4 * q * width, 1, normed + 4 * i * width));
    const own = ids.map((id) => states.map((_, i) => model.logit(normed + 4 * i * width, id)));
    const { ids: words, logits, logSums, ranks } = model.largest(normed, states.length, ids[0]);
    return states.map((_, i) => ({ best: top(words, logits, logSums, i), rank: ranks[i],
      logs: own.map((logit) => logit[i] - logSums[i]) }));
  }

  // The direct contribution of each part to a difference of two logits at position q, with the
  // final norm's divisor as it is: the embedding, and for each layer its heads and its MLP.
  contributions(q, first, second) {
    const { model } = this;
    const { width, heads, headSize } = model;
    const direction = this.#direction(q, model.word(first), model.word(second));
    const state = (i) => model.floats(this.states[i] + 4 * q * width, width);
    const layers = model.weights.map((_, layer) => {
      const read = this.#read(layer, direction);
      const mixed = model.floats(this.outputs[layer] + 4 * q * heads * headSize, heads * headSize);
      const each = Array.from({ length: heads }, (_, head) => along(
        mixed.subarray(head * headSize, (head + 1) * headSize), read.subarray(head * headSize, (head + 1) * headSize)));
      const added = along(state(layer + 1), direction) - along(state(layer), direction);
      return { heads: each, mlp: added - each.reduce((a, b) => a + b) };
    });
    return { embedding: along(state(0), direction), layers };
  }

  // How a layer's attention reads a direction: what each number of its heads adds along it.
  #read(layer, direction) {
    const { code, width, vector, normed, weights, heads, headSize } = this.model;
    this.model.floats(vector, width).set(direction);
    code.transposed(weights[layer].output, vector, normed);
    return this.model.floats(normed, heads * headSize);
  }

  // The contribution of a head split by key: weight times what the key's value adds.
  keyContributions(layer, head, q, first, second) {
    const { model, values, attention, square, off } = this;
    const { heads, kvHeads, headSize } = model;
    if (off[layer].split(",").includes(String(head))) return Array(q + 1).fill(0);
    const read = this.#read(layer, this.#direction(q, model.word(first), model.word(second)))
      .slice(head * headSize, (head + 1) * headSize);
    const group = Math.floor(head / (heads / kvHeads)) * headSize;
    const weights = model.floats(attention[layer] + 4 * (head * square + q * (q + 1) / 2), q + 1);
    return Array.from(weights, (weight, k) =>
      weight * along(read, model.floats(values[layer] + 4 * (k * kvHeads * headSize + group), headSize)));
  }

  // A difference of words as a direction in the last state.
  #direction(q, first, second) {
    const { model, states } = this;
    const scale = model.floats(model.lastNorm, model.width);
    const divisor = 1 / this.#rms(states.at(-1), q);
    return Float64Array.from(first, (value, i) => (value - second[i]) * scale[i] * divisor);
  }

  #rms(state, q) {
    const { width, epsilon } = this.model;
    return Math.sqrt(this.model.floats(state + 4 * q * width, width).reduce((sum, x) => sum + x * x, 0) / width + epsilon);
  }

  // The words that the output of a head raises most, by its direct contribution to their logits.
  writes(layer, head, q) {
    const { model, outputs, states } = this;
    const { width, heads, headSize, code } = model;
    const mixed = model.floats(outputs[layer] + 4 * q * heads * headSize, heads * headSize);
    model.floats(model.vector, heads * headSize).set(mixed.map((x, i) => (Math.floor(i / headSize) === head ? x : 0)));
    code.linear(model.weights[layer].output, model.vector, 1, model.normed);
    const [scale, divisor] = [model.floats(model.lastNorm, width), 1 / this.#rms(states.at(-1), q)];
    const written = model.floats(model.normed, width);
    written.forEach((x, i) => (written[i] = x * scale[i] * divisor));
    const { ids, logits } = model.largest(model.normed, 1);
    return Array.from(ids, (id, i) => [id, logits[i]]);
  }

  // The scores of one query of a head: q · k / sqrt(d_head), before the softmax.
  scores(layer, head, q) {
    const { model, states, keys } = this;
    const { width, heads, kvHeads, headSize, code, weights: { [layer]: { norm, query } } } = model;
    code.norm(states[layer] + 4 * q * width, norm, 1, model.normed);
    code.linear(query, model.normed, 1, model.vector);
    const half = headSize / 2;
    const [cos, sin] = [model.cos, model.sin].map((at) => model.floats(at + 4 * q * half, half));
    const plain = model.floats(model.vector + 4 * head * headSize, headSize);
    const rotated = plain.map((x, i) => (i % 2 ? x * cos[i >> 1] + plain[i - 1] * sin[i >> 1] : x * cos[i >> 1] - plain[i + 1] * sin[i >> 1]));
    const group = Math.floor(head / (heads / kvHeads)) * headSize;
    return Array.from({ length: q + 1 }, (_, k) => {
      const key = model.floats(keys[layer] + 4 * (k * kvHeads * headSize + group), headSize);
      return rotated.reduce((sum, x, i) => sum + x * key[i], 0) / Math.sqrt(headSize);
    });
  }

  // The length of what a head would write at position q if it attended to one key alone.
  lengths(layer, head, q) {
    const { model, values } = this;
    const { width, heads, kvHeads, headSize, code } = model;
    const group = Math.floor(head / (heads / kvHeads)) * headSize;
    const rows = model.floats(model.rows, (q + 1) * heads * headSize).fill(0);
    for (let k = 0; k <= q; k++) {
      const value = model.floats(values[layer] + 4 * (k * kvHeads * headSize + group), headSize);
      rows.set(value, (k * heads + head) * headSize);
    }
    code.linear(model.weights[layer].output, model.rows, q + 1, model.normed);
    const written = model.floats(model.normed, (q + 1) * width);
    return Array.from({ length: q + 1 }, (_, k) => Math.hypot(...written.subarray(k * width, (k + 1) * width)));
  }

  // The attention weights of one head, rows of growing length.
  map(layer, head) {
    const at = this.attention[layer] + 4 * head * this.square;
    return this.model.floats(at, this.ids.length * (this.ids.length + 1) / 2).slice();
  }
}

// The best words of the i-th state with their logits and probabilities.
const top = (words, logits, logSums, i) => Array.from({ length: BEST }, (_, k) => {
  const at = i * BEST + k;
  return [words[at], logits[at], Math.exp(logits[at] - logSums[i])];
});

// log p of words at position q without one head more, for the heads of all layers.
export class Trials {
  constructor(run) {
    const { model } = run;
    const { width, heads, kvHeads, headSize } = model;
    const room = (size) => model.room(4 * LONGEST * size);
    Object.assign(this, { run, states: [room(width), room(width)], keys: room(kvHeads * headSize),
      values: room(kvHeads * headSize), outputs: room(heads * headSize), attention: model.room(4 * heads * run.square) });
  }

  async without(layer, head, q, words, off, pause) {
    const { run, run: { model, model: { code, weights, cos, sin } } } = this;
    let state = run.states[layer];
    for (let i = layer; i < weights.length; i++) {
      run.silence(i === layer ? [...off[i], head] : off[i]);
      const next = this.states[i % 2];
      code.layer(weights[i].all, state, next, this.keys, this.values, this.attention, this.outputs,
        cos, sin, run.mask, 0, q + 1);
      state = next;
      if (await pause()) return null;
    }
    model.norm(state + 4 * q * model.width, 1, model.normed);
    const { logSums } = model.largest(model.normed, 1);
    return words.map((id) => model.logit(model.normed, id) - logSums[0]);
  }
}
