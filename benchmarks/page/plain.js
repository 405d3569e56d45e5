// The forward pass in JavaScript alone, on the same quantized files: a row of weights is
// unpacked, then multiplied with all positions. Numbers are summed in double precision.
import { answer, kept } from "./answers.js";

const F32 = 0, Q4_1 = 3, BYTES = { 3: 20, 8: 34 };
const HALVES = Float32Array.from({ length: 65536 }, (_, bits) => {
  const [sign, power, part] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (power ? 2 ** (power - 15) * (1 + part / 1024) : 2 ** -14 * part / 1024);
});

let config, layers, words, lastNorm, text, cache, found;

const unpack = ({ type, bytes, columns }, row, to) => {
  for (let at = row * columns / 32 * BYTES[type], i = 0; i < columns; i += 32, at += BYTES[type]) {
    const scale = HALVES[bytes[at] | bytes[at + 1] << 8];
    if (type === Q4_1) {
      const least = HALVES[bytes[at + 2] | bytes[at + 3] << 8];
      for (let j = 0; j < 16; j++) {
        const byte = bytes[at + 4 + j];
        to[i + j] = scale * (byte & 15) + least;
        to[i + j + 16] = scale * (byte >> 4) + least;
      }
    } else for (let j = 0; j < 32; j++) to[i + j] = scale * (bytes[at + 2 + j] << 24 >> 24);
  }
};

// x Wᵀ for n rows of x.
const linear = (matrix, x, n) => {
  const { rows, columns } = matrix;
  const [y, weights] = [new Float32Array(n * rows), new Float32Array(columns)];
  for (let r = 0; r < rows; r++) {
    unpack(matrix, r, weights);
    for (let t = 0; t < n; t++) {
      const at = t * columns;
      let [a, b, c, d] = [0, 0, 0, 0];
      for (let i = 0; i < columns; i += 4) {
        a += weights[i] * x[at + i];
        b += weights[i + 1] * x[at + i + 1];
        c += weights[i + 2] * x[at + i + 2];
        d += weights[i + 3] * x[at + i + 3];
      }
      y[t * rows + r] = a + b + (c + d);
    }
  }
  return y;
};

const norm = (x, weights) => {
  const [y, width] = [new Float32Array(x.length), weights.length];
  for (let at = 0; at < x.length; at += width) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += x[at + i] ** 2;
    const scale = 1 / Math.sqrt(sum / width + config.epsilon);
    for (let i = 0; i < width; i++) y[at + i] = weights[i] * x[at + i] * scale;
  }
  return y;
};

// Neighbouring pairs are rotated, in place.
const rotate = (x, n, from) => {
  const { headSize, ropeBase } = config;
  const { fround } = Math;
  const row = x.length / n;
  for (let i = 0; i < x.length; i += 2) {
    const power = fround(ropeBase ** fround(i % headSize / headSize));
    const angle = fround((from + Math.floor(i / row)) * fround(1 / power));
    const [a, b, cos, sin] = [x[i], x[i + 1], Math.cos(angle), Math.sin(angle)];
    [x[i], x[i + 1]] = [a * cos - b * sin, b * cos + a * sin];
  }
  return x;
};

const attend = (query, keys, values, n, from) => {
  const { heads, kvHeads, headSize: size } = config;
  const [all, row, of] = [from + n, heads * size, kvHeads * size];
  const [map, mixed] = [new Float32Array(heads * n * all), new Float32Array(n * row)];
  for (let h = 0; h < heads; h++) for (let t = 0; t < n; t++) {
    const [at, start, last] = [(h * n + t) * all, t * row + h * size, from + t];
    const group = Math.floor(h / (heads / kvHeads)) * size;
    let [most, sum] = [-Infinity, 0];
    for (let k = 0; k <= last; k++) {
      let dot = 0;
      for (let i = 0; i < size; i++) dot += query[start + i] * keys[k * of + group + i];
      most = Math.max(most, map[at + k] = dot / Math.sqrt(size));
    }
    for (let k = 0; k <= last; k++) sum += map[at + k] = Math.exp(map[at + k] - most);
    for (let k = 0; k <= last; k++) {
      const weight = map[at + k] /= sum;
      for (let i = 0; i < size; i++) mixed[start + i] += weight * values[k * of + group + i];
    }
  }
  return { map, mixed };
};

const joined = (before, after) => {
  const all = new Float32Array(before.length + after.length);
  all.set(before);
  all.set(after, before.length);
  return all;
};

const run = (ids, past, from) => {
  const n = ids.length, { width } = config;
  const x = new Float32Array(n * width);
  ids.forEach((id, t) => unpack(words, id, x.subarray(t * width)));
  const [maps, kept] = [[], []];
  const add = (y) => y.forEach((value, i) => (x[i] += value));
  layers.forEach((w, layer) => {
    const normed = norm(x, w.attn_norm);
    const query = rotate(linear(w.attn_q, normed, n), n, from);
    const keys = joined(past[layer]?.keys ?? [], rotate(linear(w.attn_k, normed, n), n, from));
    const values = joined(past[layer]?.values ?? [], linear(w.attn_v, normed, n));
    const { map, mixed } = attend(query, keys, values, n, from);
    maps.push(map);
    kept.push({ keys, values });
    add(linear(w.attn_output, mixed, n));
    const again = norm(x, w.ffn_norm);
    const [gate, up] = [linear(w.ffn_gate, again, n), linear(w.ffn_up, again, n)];
    add(linear(w.ffn_down, gate.map((value, i) => value / (1 + Math.exp(-value)) * up[i]), n));
  });
  return { logits: linear(words, norm(x, lastNorm), n), maps, kept };
};

answer({
  async load({ model }) {
    const index = JSON.parse(new TextDecoder().decode(await kept(`${model}index.json`)));
    ({ config } = index);
    layers = Array(config.layers);
    words = { ...config.words, bytes: new Uint8Array(config.words.bytes) };
    await Promise.all(index.files.map(async ({ name, layer, first, tensors }) => {
      const bytes = new Uint8Array(await kept(model + name));
      if (first != null) words.bytes.set(bytes, first * words.bytes.length / words.rows);
      else if (layer == null) lastNorm = new Float32Array(bytes.buffer);
      else layers[layer] = Object.fromEntries(tensors.map(([part, type, rows, columns, at]) => [part,
        type === F32 ? new Float32Array(bytes.buffer, at, columns) : { type, rows, columns, bytes: bytes.subarray(at) }]));
    }));
  },

  pass({ ids }) {
    [found, text] = [run(ids, [], 0), ids];
    cache = found.kept;
  },

  next({ token }) {
    run([token], cache, text.length);
  },

  numbers: () => ({ logits: found.logits, maps: found.maps }),
});
