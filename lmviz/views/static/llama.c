// A language model of the Llama family in WebAssembly, on quantized weights as they are stored.
//
// The page (llama-model.js) owns all arrays: it gets memory from `alloc`, fills in the weights
// and calls `layer` for the positions that are new. Every array is float32, a row per position.
// Equations are those of the lessons: W is (out, in), x a row vector, y = x Wᵀ.

typedef float f4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int i4 __attribute__((vector_size(16), aligned(1), may_alias));
typedef unsigned u4 __attribute__((vector_size(16), aligned(1), may_alias));
typedef unsigned char byte;

#define EXPORT __attribute__((visibility("default")))
#define FLOATS(v) __builtin_convertvector(v, f4)
#define FOR(i, n) for (int i = 0; i < (n); i++)

enum { Q4_1 = 3, Q8_0 = 8, WORDS = 512 };
static const int block_bytes[] = {[Q4_1] = 20, [Q8_0] = 34};

// A matrix of quantized weights: rows of blocks of 32 weights with one scale.
typedef struct { const byte *data; int type, rows, columns; } Matrix;
typedef struct { const float *norm; Matrix query, key, value, output;
                 const float *norm_2; Matrix gate, up, down; } Layer;

static int width, heads, kv_heads, head_size, longest;
static float epsilon;
// Working memory, for as many rows as there may be positions.
static float *prepared, *sums, *unpacked, *normed, *queries, *added, *gates, *ups, *some_logits;

// Memory: what was asked for is never freed, as a page loads one model.
extern byte __heap_base;
static unsigned long used;

EXPORT void *alloc(unsigned long bytes) {
  if (!used) used = (unsigned long)&__heap_base;
  unsigned long start = (used + 15) & ~15ul, end = start + bytes;
  unsigned long have = __builtin_wasm_memory_size(0), need = (end + 65535) >> 16;
  if (need > have && __builtin_wasm_memory_grow(0, need - have) == (unsigned long)-1) return 0;
  used = end;
  return (void *)start;
}

// The sizes of the model. Returns 0 if there is not enough memory.
EXPORT int configure(int d, int d_ff, int n_heads, int n_kv, int d_head, float eps, int n) {
  width = d, heads = n_heads, kv_heads = n_kv, head_size = d_head, epsilon = eps, longest = n;
  int most = d_ff > d ? d_ff : d;
  return (prepared = alloc(4ul * n * most)) && (sums = alloc(most / 8))
      && (unpacked = alloc(16ul * most)) && (normed = alloc(4ul * n * d))
      && (queries = alloc(4ul * n * heads * d_head)) && (added = alloc(4ul * n * d))
      && (gates = alloc(4ul * n * d_ff)) && (ups = alloc(4ul * n * d_ff))
      && (some_logits = alloc(4ul * n * WORDS));
}

static float total(f4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }

static float half(unsigned bits) { // float16 to float32; exact, subnormal numbers included
  union { unsigned u; float f; } x = {(bits & 0x7fff) << 13}, sign = {0x77800000 | (bits & 0x8000) << 16};
  return x.f * sign.f; // the exponents' biases differ by 2^112
}

// exp as in Cephes: x = n ln 2 + r, and a polynomial for exp(r).
static f4 exponential(f4 x) {
  x = __builtin_wasm_max_f32x4(__builtin_wasm_min_f32x4(x, (f4){} + 88.3f), (f4){} - 87.3f);
  f4 n = __builtin_wasm_floor_f32x4(x * 1.44269504f + 0.5f);
  f4 r = x - n * 0.693359375f + n * 2.12194440e-4f;
  f4 p = ((((r * 1.9875691500e-4f + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r
    + 4.1665795894e-2f) * r + 1.6666665459e-1f) * r + 5.0000001201e-1f;
  i4 power = (__builtin_convertvector(n, i4) + 127) << 23;
  return (p * r * r + r + 1.0f) * (f4)power;
}

// ------------------------------------------------------------------------ products
// Four bytes or eight nibbles of a 32-bit word are masked where they are, not shifted out: a
// nibble j is then read as q 16^j, a byte as q 2^24. The input, in the order of these lanes, is
// multiplied by the power's inverse. Powers of two are exact.

static void prepare(int type, const float *x, int n, float *to, float *sum) {
  for (; n > 0; n -= 32, x += 32, to += 32) {
    float scale = 1;
    FOR(j, 8) {
      FOR(k, 4) to[4 * j + k] = type == Q4_1 ? x[4 * k + j / 2 + 16 * (j % 2)] * scale
        : x[16 * (j / 4) + 4 * k + j % 4] * 0x1p-24f;
      scale = j == 6 ? 1 : scale / 16; // the last nibble is shifted after all, for its sign
    }
    if (!sum) continue;
    *sum = 0;
    FOR(i, 32) *sum += x[i];
    sum++;
  }
}

// The j-th four of the 32 numbers in a block, times their powers of two.
static inline f4 lanes(int type, const byte *block, int j) {
  if (type == Q8_0) return FLOATS((*(i4 *)(block + 2 + j / 4 * 16) << (24 - j % 4 * 8)) & 0xff000000);
  u4 word = *(u4 *)(block + 4);
  return j == 7 ? FLOATS((i4)(word >> 28)) : FLOATS((i4)(word & 15u << 4 * j));
}

static inline float first_half(const byte *b) { return half(b[0] | b[1] << 8); }

// One row of weights times one prepared input. Q4_1: w = scale q + least, so the least weights
// need only the sum of the input.
static inline float product(int type, const byte *block, const float *x, const float *sum, int n) {
  f4 all = {};
  float least = 0;
  for (; n > 0; n -= 32, x += 32, block += block_bytes[type]) {
    f4 here = {};
    _Pragma("clang loop unroll(full)") FOR(j, 8) here += lanes(type, block, j) * *(f4 *)(x + 4 * j);
    all += here * first_half(block);
    if (type == Q4_1) least += first_half(block + 2) * *sum++;
  }
  return total(all) + least;
}

// A row of weights as floats, in the order and with the powers of a prepared input.
static inline void unpack(int type, const byte *block, float *to, int n) {
  for (; n > 0; n -= 32, to += 32, block += block_bytes[type]) {
    float scale = first_half(block), least = type == Q4_1 ? first_half(block + 2) : 0;
    _Pragma("clang loop unroll(full)") FOR(j, 8)
      *(f4 *)(to + 4 * j) = lanes(type, block, j) * scale + (j == 7 ? 1 : 1 << 4 * j) * least;
  }
}

// Four rows of weights times two inputs: eight sums stay in registers.
static void tile(const float *w, const float *x, const float *x2, int n, float *y, float *y2) {
  f4 sum[8] = {};
  for (int i = 0; i < n; i += 4) {
    f4 a = *(f4 *)(x + i), b = *(f4 *)(x2 + i);
    _Pragma("clang loop unroll(full)") FOR(r, 4) {
      f4 row = *(f4 *)(w + r * n + i);
      sum[2 * r] += row * a, sum[2 * r + 1] += row * b;
    }
  }
  FOR(r, 4) y[r] = total(sum[2 * r]), y2[r] = total(sum[2 * r + 1]);
}

// y = x Wᵀ for n rows of x and `count` rows of W, a multiple of four if n > 1.
static inline void multiply(int type, const Matrix *w, int first, int count, const float *x, int n, float *y) {
  int columns = w->columns, stride = columns / 32 * block_bytes[type];
  const byte *row = w->data + first * stride;
  prepare(type, x, n * columns, prepared, n == 1 ? sums : 0);
  if (n == 1) FOR(r, count) y[r] = product(type, row + r * stride, prepared, sums, columns);
  else for (int r = 0; r < count; r += 4) {
    FOR(i, 4) unpack(type, row + (r + i) * stride, unpacked + i * columns, columns);
    for (int t = 0; t < n; t += 2) {
      int u = t + 1 < n ? t + 1 : t;
      tile(unpacked, prepared + t * columns, prepared + u * columns, columns, y + t * count + r, y + u * count + r);
    }
  }
}

EXPORT void linear(const Matrix *w, int first, int count, const float *x, int n, float *y) {
  if (w->type == Q4_1) multiply(Q4_1, w, first, count, x, n, y);
  else multiply(Q8_0, w, first, count, x, n, y);
}

static void whole(const Matrix *w, const float *x, int n, float *y) { linear(w, 0, w->rows, x, n, y); }

// One row of a matrix: the embedding of a token.
EXPORT void embedding(const Matrix *w, int row, float *to) {
  const byte *block = w->data + row * (w->columns / 32 * block_bytes[w->type]);
  for (int n = w->columns; n > 0; n -= 32, block += block_bytes[w->type]) {
    float scale = first_half(block), least = w->type == Q4_1 ? first_half(block + 2) : 0;
    FOR(i, 32) *to++ = scale * (w->type == Q8_0 ? (signed char)block[2 + i]
      : block[4 + i % 16] >> i / 16 * 4 & 15) + least;
  }
}

// y = Wᵀ x: what a direction in the output is in the input. For direct logit attribution.
EXPORT void transposed(const Matrix *w, const float *x, float *y) {
  FOR(i, w->columns) y[i] = 0;
  FOR(r, w->rows) {
    embedding(w, r, gates);
    FOR(i, w->columns) y[i] += x[r] * gates[i];
  }
}

// ------------------------------------------------------------------------ the model

static float dot(const float *a, const float *b, int n) {
  f4 sum = {};
  for (int i = 0; i < n; i += 4) sum += *(f4 *)(a + i) * *(f4 *)(b + i);
  return total(sum);
}

// RMSNorm: x / sqrt(mean(x²) + ε), times the weights.
EXPORT void norm(const float *x, const float *weight, int n, float *y) {
  for (; n > 0; n--, x += width, y += width) {
    float scale = 1 / __builtin_sqrtf(dot(x, x, width) / width + epsilon);
    FOR(i, width) y[i] = weight[i] * (x[i] * scale);
  }
}

// Rotate neighbouring pairs: (a, b) becomes (a cos − b sin, b cos + a sin).
static void rotate(float *x, int n, int size, const float *cos, const float *sin) {
  FOR(t, n) FOR(i, size / 2) {
    int angle = t * head_size / 2 + i % (head_size / 2);
    float a = x[0], b = x[1];
    *x++ = a * cos[angle] - b * sin[angle];
    *x++ = b * cos[angle] + a * sin[angle];
  }
}

// exp(x − most) in place, for a row that may be read up to a multiple of four. Returns the sum.
static float powers(float *x, int n, float most) {
  float sum = 0;
  for (int i = 0; i < n; i += 4) {
    f4 power = exponential(*(f4 *)(x + i) - most);
    FOR(k, 4) if (i + k < n) sum += x[i + k] = power[k];
  }
  return sum;
}

// Attention of one head at position q: softmax(q Kᵀ / sqrt(d_head)) V over the keys up to q.
static void attend(const float *query, const float *keys, const float *values, int q, float *weights, float *out) {
  int stride = kv_heads * head_size;
  float most = -3e38f, scale = 1 / __builtin_sqrtf(head_size);
  FOR(k, q + 1) {
    weights[k] = dot(query, keys + k * stride, head_size) * scale;
    if (weights[k] > most) most = weights[k];
  }
  float sum = powers(weights, q + 1, most);
  FOR(i, head_size) out[i] = 0;
  FOR(k, q + 1) {
    weights[k] /= sum;
    for (int i = 0; i < head_size; i += 4) *(f4 *)(out + i) += weights[k] * *(f4 *)(values + k * stride + i);
  }
}

// One layer for the positions `from` to `to`: x -> x + attention(norm(x)) -> y = that + mlp(norm(that)).
// It writes the keys and values of these positions, the attention weights (per head, row q
// starts at q (q + 1) / 2) and the heads' outputs; those of heads in `ablated` are zero.
EXPORT void layer(const Layer *w, const float *x, float *y, float *keys, float *values, float *attention,
                  float *outputs, const float *cos, const float *sin, const byte *ablated, int from, int to) {
  int n = to - from, kv = kv_heads * head_size, all = heads * head_size, square = longest * (longest + 1) / 2;
  x += from * width, y += from * width;
  norm(x, w->norm, n, normed);
  whole(&w->query, normed, n, queries);
  whole(&w->key, normed, n, keys + from * kv);
  whole(&w->value, normed, n, values + from * kv);
  cos += from * head_size / 2, sin += from * head_size / 2;
  rotate(queries, n, all, cos, sin);
  rotate(keys + from * kv, n, kv, cos, sin);
  FOR(t, n) FOR(h, heads) {
    int q = from + t, group = h / (heads / kv_heads) * head_size;
    float *out = outputs + q * all + h * head_size;
    attend(queries + t * all + h * head_size, keys + group, values + group, q,
           attention + h * square + q * (q + 1) / 2, out);
    if (ablated[h]) FOR(i, head_size) out[i] = 0;
  }
  whole(&w->output, outputs + from * all, n, added);
  FOR(i, n * width) y[i] = x[i] + added[i];
  norm(y, w->norm_2, n, normed);
  whole(&w->gate, normed, n, gates);
  whole(&w->up, normed, n, ups);
  for (int i = 0; i < n * w->gate.rows; i += 4) { // SiLU(gate) ⊙ up, SiLU(x) = x / (1 + exp(−x))
    f4 gate = *(f4 *)(gates + i);
    *(f4 *)(gates + i) = gate / (1 + exponential(-gate)) * *(f4 *)(ups + i);
  }
  whole(&w->down, gates, n, added);
  FOR(i, n * width) y[i] += added[i];
}

// For n normed states, without keeping all logits: the k largest, the sum of exp(logit − the largest)
// over all words, and how many logits are above a given one, which is the rank of its word.
EXPORT void largest(const Matrix *words, const float *x, int n, int k, int *ids, float *logits, float *powers_sum,
                    const float *given, int *above) {
  FOR(t, n) {
    powers_sum[t] = 0, above[t] = 0;
    FOR(i, k) ids[t * k + i] = -1, logits[t * k + i] = -3e38f;
  }
  for (int first = 0; first < words->rows; first += WORDS) {
    int count = words->rows - first < WORDS ? words->rows - first : WORDS;
    linear(words, first, count, x, n, some_logits);
    FOR(t, n) {
      float *some = some_logits + t * count, *best = logits + t * k, most = best[0];
      int *best_ids = ids + t * k;
      FOR(i, count) {
        above[t] += some[i] > given[t];
        if (some[i] <= best[k - 1]) continue;
        int at = k - 1;
        for (; at > 0 && some[i] > best[at - 1]; at--) best[at] = best[at - 1], best_ids[at] = best_ids[at - 1];
        best[at] = some[i], best_ids[at] = first + i;
      }
      float before = powers_sum[t] ? powers_sum[t] * exponential((f4){} + (most - best[0]))[0] : 0;
      powers_sum[t] = before + powers(some, count, best[0]);
    }
  }
}
