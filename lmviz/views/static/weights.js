// The weights of every head as the page gets them: two bytes' worth of code for each.
export class Weights {
  constructor({ shape, layers: numbers, causal, low, high, levels }) {
    [this.layers, this.heads, this.queries, this.keys] = shape;
    this.offset = this.keys - this.queries; // queries are the last tokens
    this.size = causal ? this.queries * (this.offset + (this.queries + 1) / 2) : this.queries * this.keys;
    Object.assign(this, { numbers, causal, low: low.values, high: high.values, levels: levels.values });
  }

  // The weight behind a code.
  #weight(i) {
    return this.levels[this.low[i] | (((this.high[i >> 2] >> (2 * (i & 3))) & 3) << 8)];
  }

  // Put the largest or mean weight of `n` heads where `start` says of a row and `columns`
  // of a key, straight from the codes. Plain numbers in the inner loop, for its speed.
  gather(values, from, n, mean, start, columns) {
    const { low, high, queries, keys, offset, causal, size } = this;
    const weights = Float64Array.from(this.levels, (weight) => (mean ? weight / n : weight));
    for (let i = from * size, head = from; head < from + n; head++)
      for (let q = 0; q < queries; q++) {
        const to = start(q, head);
        for (let k = 0, end = causal ? q + offset + 1 : keys; k < end; k++, i++) {
          const weight = weights[low[i] | (((high[i >> 2] >> (2 * (i & 3))) & 3) << 8)];
          const at = to + columns[k];
          const was = values[at];
          if (mean) values[at] = was > 0 ? was + weight : weight;
          else if (weight > was) values[at] = weight;
        }
      }
    return values;
  }

  // The mean or maximum over `n` heads, a row per query; -1 where no query attends.
  fold(from, n, mean) {
    const { queries, keys } = this;
    const each = Uint32Array.from({ length: keys }, (_, k) => k);
    return this.gather(new Float32Array(queries * keys).fill(-1), from, n, mean, (q) => q * keys, each);
  }

  // The heads that give one key the largest weights from one query: layer, head and weight.
  ranked(query, key, n) {
    const { causal, offset, size, keys, layers, heads } = this;
    if (causal && key > query + offset) return [];
    const at = key + (causal ? query * (offset + (query + 1) / 2) : query * keys);
    return Array.from({ length: layers * heads }, (_, i) =>
      [Math.floor(i / heads), i % heads, this.#weight(i * size + at)]).sort((a, b) => b[2] - a[2]).slice(0, n);
  }

  // The largest weight of one head on another token than the first one or itself.
  strongest(head) {
    const { keys, offset } = this;
    let best = [-1, -1, -1];
    this.fold(head, 1).forEach((weight, i) => {
      const [q, k] = [Math.floor(i / keys) + offset, i % keys];
      if (k > 0 && k !== q && weight > best[2]) best = [q, k, weight];
    });
    return best;
  }
}
