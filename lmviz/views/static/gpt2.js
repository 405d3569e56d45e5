// A GPT-2 in plain arithmetic: the bytes of a safetensors file in, all activations on a text
// out. A matrix is a list of rows.

const half = (bits) => {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  let size = exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
  if (exponent === 31) size = fraction ? NaN : Infinity;
  return bits & 0x8000 ? -size : size;
};

// A file has the length of its header, the header, and the numbers.
export const readTensors = (buffer) => {
  const view = new DataView(buffer);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, start - 8)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (dtype !== "F16" && dtype !== "F32") throw new Error(`${name} must be F16 or F32, got ${dtype}`);
    const [from, to] = data_offsets.map((at) => at + start);
    const values = dtype === "F16"
      ? new Float32Array((to - from) / 2).map((_, i) => half(view.getUint16(from + 2 * i, true)))
      : new Float32Array(buffer.slice(from, to));
    tensors[name] = shape.length < 2 ? values : Array.from({ length: shape[0] },
      (_, i) => values.subarray(i * shape[1], (i + 1) * shape[1]));
  }
  return tensors;
};

// The toy's file: it comes with the page, or from the site.
export const readWeights = async ({ weights, weights_url }) => {
  if (weights) return weights.values.buffer;
  const { lmvizWeights: held } = globalThis; // pages on a disk can't fetch
  if (held) return Uint8Array.from(atob(held), (c) => c.charCodeAt(0)).buffer;
  const { content_root = "." } = document.documentElement.dataset; // Sphinx names the site's root
  const answer = await fetch(new URL(weights_url, new URL(content_root, location)));
  if (!answer.ok) throw new Error(`${weights_url}: ${answer.status}`);
  return answer.arrayBuffer();
};

export const best = (row) => row.indexOf(Math.max(...row));
const dot = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};
const add = (a, b) => a.map((row, t) => row.map((value, i) => value + b[t][i]));
const gelu = (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

export class Model {
  constructor(buffer, { n_head, n_layer, layer_norm_epsilon }) {
    this.tensors = readTensors(buffer);
    this.heads = n_head;
    this.layers = n_layer;
    this.epsilon = layer_norm_epsilon;
    this.context = this.part("wpe.weight").length;
  }

  part(name) {
    return this.tensors[`transformer.${name}`];
  }

  linear(x, name) {
    const [weight, bias] = [this.part(`${name}.weight`), this.part(`${name}.bias`)];
    return x.map((row) => {
      const sums = Float64Array.from(bias);
      weight.forEach((from, i) => {
        for (let j = 0, factor = row[i]; j < sums.length; j++) sums[j] += factor * from[j];
      });
      return Float32Array.from(sums);
    });
  }

  norm(x, name) {
    const [scale, shift] = [this.part(`${name}.weight`), this.part(`${name}.bias`)];
    return x.map((row) => {
      const mean = row.reduce((a, b) => a + b) / row.length;
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
      const spread = Math.sqrt(variance + this.epsilon);
      return row.map((value, i) => ((value - mean) / spread) * scale[i] + shift[i]);
    });
  }

  // The concatenated outputs of all heads, and the attention weights, [head][query][key].
  attend(x, isAblated) {
    const size = x[0].length / this.heads / 3;
    const part = (row, kind, head) =>
      row.subarray((kind * this.heads + head) * size, (kind * this.heads + head + 1) * size);
    const out = x.map(() => new Float32Array(size * this.heads));
    const weights = Array.from({ length: this.heads }, (_, head) => x.map((row, q) => {
      const scores = x.slice(0, q + 1).map(
        (other) => dot(part(row, 0, head), part(other, 1, head)) / Math.sqrt(size));
      const most = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - most));
      const sum = powers.reduce((a, b) => a + b);
      const to = part(out[q], 0, head);
      const weightsOfRow = new Float32Array(x.length);
      powers.forEach((power, k) => {
        weightsOfRow[k] = power / sum;
        if (!isAblated(head)) part(x[k], 2, head).forEach((value, i) => (to[i] += weightsOfRow[k] * value));
      });
      return weightsOfRow;
    }));
    return [out, weights];
  }

  // The logits, if this were the last layer.
  unembed(x) {
    return this.norm(x, "ln_f").map((row) =>
      Float32Array.from(this.part("wte.weight"), (word) => dot(row, word)));
  }

  // `ablate` lists the [layer, head] to zero-ablate. `residual` is the stream before the first
  // block and after each; `lens` has the logits of each of these.
  forward(ids, { ablate = [] } = {}) {
    const tokens = Array.from(ids, (id) => this.part("wte.weight")[id]);
    const positions = this.part("wpe.weight").slice(0, tokens.length);
    const residual = [add(tokens, positions)];
    const [attentions, outputs] = [[], []];
    for (let layer = 0; layer < this.layers; layer++) {
      const block = `h.${layer}`;
      const mixed = this.linear(this.norm(residual[layer], `${block}.ln_1`), `${block}.attn.c_attn`);
      const [out, weights] = this.attend(mixed, (head) => ablate.some(([l, h]) => l === layer && h === head));
      attentions.push(weights);
      outputs.push(out);
      const x = add(residual[layer], this.linear(out, `${block}.attn.c_proj`));
      const inner = this.linear(this.norm(x, `${block}.ln_2`), `${block}.mlp.c_fc`);
      residual.push(add(x, this.linear(inner.map((row) => row.map(gelu)), `${block}.mlp.c_proj`)));
    }
    const lens = residual.map((x) => this.unembed(x));
    return { tokens, positions, residual, attentions, outputs, lens, logits: lens.at(-1) };
  }
}
