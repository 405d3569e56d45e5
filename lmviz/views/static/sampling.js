// The probabilities of the next token after temperature, top-k and top-p, in this order, as
// lmviz.prediction has them.

// Sorting all logits takes longer than a frame: the order is kept for as long as they are.
const orders = new WeakMap();
export const ranked = (logits) => {
  if (!orders.has(logits)) orders.set(logits, Uint32Array.from(logits, (_, id) => id).sort((a, b) => logits[b] - logits[a]));
  return orders.get(logits);
};

// The ids that stay, the most likely first, and their probabilities: e^((logit - best) / T) / sum.
export const shape = (logits, { temperature = 1, k = Infinity, p = 1 } = {}) => {
  let order = ranked(logits);
  const best = logits[order[0]];
  // Ties with the last one stay.
  const least = temperature === 0 ? best : k < order.length ? logits[order[k - 1]] : -Infinity;
  const end = order.findIndex((id) => logits[id] < least);
  if (end >= 0) order = order.subarray(0, end);
  const powers = Float64Array.from(order, (id) => Math.exp((logits[id] - best) / (temperature || 1)));
  const sum = powers.reduce((a, b) => a + b);
  let [kept, mass] = [0, 0];
  if (p >= 1) [kept, mass] = [order.length, sum];
  while (kept < order.length && (kept === 0 || mass < p * sum)) mass += powers[kept++];
  return { ids: order.subarray(0, kept), probs: powers.subarray(0, kept).map((power) => power / mass), best, sum: mass };
};

// The probability of an id, undefined if it was removed.
export const chance = ({ ids, probs }, id) => probs[ids.indexOf(id)];

// Draw one of the ids; `x` is a random number from 0 to 1.
export const sample = ({ ids, probs }, x) => {
  let left = x;
  const i = probs.findIndex((prob) => (left -= prob) < 0);
  return ids[i < 0 ? ids.length - 1 : i];
};

// A number from 0 to 1 for each seed (mulberry32).
export const random = (seed) => {
  let x = (seed + 0x6d2b79f5) | 0;
  x = Math.imul(x ^ (x >>> 15), x | 1);
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
  return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
};
