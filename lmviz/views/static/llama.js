// A model of the Llama family: its weights in the memory of llama.wasm, and runs on a text.

export const LONGEST = 128, BEST = 10;
// The types of tensors as GGUF numbers them.
const F32 = 0, MATRICES = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
const ORDER = ["attn_norm", ...MATRICES.slice(0, 4), "ffn_norm", ...MATRICES.slice(4)];

// Whether this browser has the vectors of WebAssembly: a module with one such instruction.
export const supported = () => typeof WebAssembly === "object" && WebAssembly.validate(new Uint8Array([0, 97,
  115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]));

export class Llama {
  static async start(code, config) {
    const { instance } = await WebAssembly.instantiate(code);
    return new Llama(instance.exports, config);
  }

  constructor(code, config) {
    Object.assign(this, config, { code, memory: code.memory });
    const { width, inner, heads, kvHeads, headSize, epsilon, layers, words } = this;
    if (!code.configure(width, inner, heads, kvHeads, headSize, epsilon, LONGEST)) throw full();
    this.rowBytes = words.bytes / words.rows;
    this.wordRows = this.room(words.bytes);
    this.embedding = this.put(Uint32Array.of(this.wordRows, words.type, words.rows, words.columns));
    this.weights = Array(layers);
    this.normed = this.room(4 * LONGEST * width);
    this.lastNorm = this.room(4 * width);
    this.vector = this.room(4 * Math.max(width, heads * headSize));
    this.found = [LONGEST * BEST, LONGEST * BEST, LONGEST, LONGEST].map((n) => this.room(4 * n));
    this.logitsAt = this.room(4 * words.rows);
    this.rows = this.room(4 * LONGEST * heads * headSize);
    this.#angles();
  }

  room(bytes) {
    const at = bytes < 2 ** 31 && this.code.alloc(bytes); // it would be taken modulo 2^32
    if (!at) throw full();
    return at;
  }

  put(values) {
    const at = this.room(values.byteLength);
    new Uint8Array(this.memory.buffer, at).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return at;
  }

  // Never kept: memory that grows detaches its arrays.
  floats(at, n) {
    return new Float32Array(this.memory.buffer, at, n);
  }

  // Cosines and sines of p / base^(2i / d_head), rounded where torch rounds.
  #angles() {
    const { fround } = Math;
    const n = this.headSize / 2;
    const angles = Array.from({ length: LONGEST * n }, (_, i) =>
      fround(Math.floor(i / n) * fround(1 / fround(this.ropeBase ** fround(2 * (i % n) / this.headSize)))));
    this.cos = this.put(Float32Array.from(angles, Math.cos));
    this.sin = this.put(Float32Array.from(angles, Math.sin));
  }

  // Files of weights, as lmviz/views/_model_files.py cuts them.
  setWords(first, bytes) {
    new Uint8Array(this.memory.buffer, this.wordRows + first * this.rowBytes).set(bytes);
  }

  setNorm(bytes) {
    new Uint8Array(this.memory.buffer, this.lastNorm).set(bytes);
  }

  setLayer(layer, tensors, bytes) {
    const start = this.put(bytes);
    const parts = Object.fromEntries(tensors.map(([name, type, rows, columns, at]) =>
      [name, type === F32 ? [start + at] : [start + at, type, rows, columns]]));
    const fields = Uint32Array.from(ORDER.flatMap((name) => parts[name]));
    const matrix = (name) => this.put(Uint32Array.from(parts[name]));
    this.weights[layer] = { all: this.put(fields), output: matrix("attn_output"), query: matrix("attn_q"), norm: parts.attn_norm[0] };
  }

  norm(state, n, to) {
    this.code.norm(state, this.lastNorm, n, to);
  }

  // The most likely words after each of `n` normed states: ids, logits and log-sum-exp; and the
  // rank of one word.
  largest(normed, n, word = 0) {
    this.code.largest(this.embedding, normed, n, BEST, word, ...this.found);
    const ids = new Int32Array(this.memory.buffer, this.found[0], n * BEST).slice();
    const logits = this.floats(this.found[1], n * BEST).slice();
    const logSums = this.floats(this.found[2], n).map((sum, i) => logits[i * BEST] + Math.log(sum));
    const ranks = new Int32Array(this.memory.buffer, this.found[3], n).map((above) => above + 1);
    return { ids, logits, logSums, ranks };
  }

  logit(normed, id) {
    return along(this.word(id), this.floats(normed, this.width));
  }

  logits(state) {
    this.norm(state, 1, this.normed);
    this.code.linear(this.embedding, this.normed, 1, this.logitsAt);
    return this.floats(this.logitsAt, this.words.rows).slice();
  }

  word(id) {
    this.code.embedding(this.embedding, id, this.vector);
    return this.floats(this.vector, this.width).slice();
  }
}

const full = () => new Error("There is not enough memory for the model in this tab.");

export const along = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
