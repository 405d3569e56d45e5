// A language model of the Llama family in WebAssembly, on quantized weights as they are stored. The page
// (llama.js) owns all arrays: it gets memory from `alloc`, fills in the weights and calls `layer` for new
// positions. Arrays are float32, with a row per position. As in the lessons, W is (out, in), x is a row
// vector, y = x Wᵀ. A matrix has a multiple of 32 columns and of 4 rows, a head a multiple of 4 dimensions.

// Vectors of four numbers, anywhere in memory.
typedef float f4 __attribute__((vector_size(16), aligned(1), may_alias));
typedef int i4 __attribute__((vector_size(16), aligned(1), may_alias));
typedef unsigned char byte;

#define EXPORT(name) __attribute__((export_name(#name)))
#define FOUR(p) (*(f4 *)(p))
#define FOR(i, n) for (int i = 0; i < (n); i++)
static float total(f4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }

enum { Q4_1 = 3, Q8_0 = 8, WORDS = 512 }; // types as GGUF numbers them
static const int block_bytes[] = {[Q4_1] = 20, [Q8_0] = 34};

typedef struct { const byte *data; int type, rows, columns; } Matrix;
typedef struct { const float *norm; Matrix query, key, value, output;
                 const float *norm_2; Matrix gate, up, down; } Layer;
static int row_bytes(const Matrix *w) { return w->columns / 32 * block_bytes[w->type]; }
#define ROWS(w, first, count) (&(Matrix){(w)->data + (first) * row_bytes(w), (w)->type, count, (w)->columns})

// The sizes of the model, and working memory for as many rows as there may be positions.
static int width, heads, kv_heads, head_size, longest;
static float epsilon, *prepared, *sums, *unpacked, *normed, *queries, *added, *gates, *ups, *some_logits;

// Memory is never freed, as a page loads one model. It ends at 2 GB, so that no address is negative in
// JavaScript and no offset overflows an int. Returns 0 if there is not enough.
EXPORT(alloc) void *alloc(unsigned long bytes) {
  extern byte __heap_base; // where the linker's own data ends
  static byte *end = &__heap_base;
  unsigned long start = ((unsigned long)end + 15) & -16ul;
  long pages = (start + bytes + 65535) / 65536 - __builtin_wasm_memory_size(0); // more than there are
  if (bytes > (1ul << 31) - start || (pages > 0 && __builtin_wasm_memory_grow(0, pages) == -1ul)) return 0;
  end = (byte *)start + bytes;
  return (byte *)start;
}
static float *floats(long long n) { return n < 1 << 29 ? alloc(4 * n) : 0; }

// Takes the sizes of the model and the number of positions. Returns 0 if there is not enough memory.
EXPORT(configure) int configure(int d, int d_ff, int n_heads, int n_kv, int d_head, float eps, int n) {
  width = d, heads = n_heads, kv_heads = n_kv, head_size = d_head, epsilon = eps, longest = n;
  long long rows = n, all = heads * head_size, most = d + d_ff + all; // no matrix has more columns
  return (prepared = floats(rows * most)) && (sums = floats(rows * most / 8)) && (unpacked = floats(4 * most))
      && (normed = floats(rows * d)) && (added = floats(rows * d)) && (queries = floats(rows * all))
      && (gates = floats(rows * d_ff)) && (ups = floats(rows * d_ff)) && (some_logits = floats(rows * WORDS));
}

// exp(x) as in Cephes: x = n ln 2 + r, with ln 2 in two parts for an exact product; a polynomial for exp(r).
static inline float exponential(float x) {
  x = __builtin_wasm_max_f32(__builtin_wasm_min_f32(x, 88.3f), -87.3f); // what float32 has room for
  float n = __builtin_floorf(x * 1.44269504f + 0.5f), r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = ((((r * 1.9875691500e-4f + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r
    + 4.1665795894e-2f) * r + 1.6666665459e-1f) * r + 5.0000001201e-1f;
  union { int bits; float value; } power = {((int)n + 127) << 23};
  return (p * r * r + r + 1) * power.value;
}

// ------------------------------------------------------------------------ products
// A block has 32 weights. Q8_0: w = scale q; a float16, and 32 signed bytes q. Q4_1: w = scale q + least;
// two float16, and 16 bytes: the low nibble of byte i is q of weight i, the high one of weight i + 16.
// Vector j of eight has one byte, j / 2, of each 32-bit word in one half, j % 2, of the block. It would take
// long to shift each nibble down: it is masked where it is, and read as q 16^j. A byte is moved up, for its
// sign, and read as q 2^24. The input has the same order and is divided by these powers, which is exact.
static inline int place(int j, int k) { return 16 * (j % 2) + 4 * k + j / 2; } // of number k in vector j
static inline float power(int type, int j) { return type == Q8_0 ? 0x1p24f : j < 7 ? 1 << 4 * j : 1; }
static inline f4 quants(int type, const byte *block, int j) {
  i4 word = *(i4 *)(block + (type == Q8_0 ? 2 + j % 2 * 16 : 4));
  word = type == Q8_0 ? word << (24 - j / 2 * 8) & 255u << 24 : j < 7 ? word & 15 << 4 * j : word >> 28 & 15;
  return __builtin_convertvector(word, f4); // nibble 7 is shifted: its highest bit would be a sign
}

static inline float half(const byte *at) { // float16 to float32; exact, subnormal numbers included
  union { unsigned bits; float value; } x = {(at[1] & 128u) << 24 | (at[1] & 127) << 21 | at[0] << 13};
  return x.value * 0x1p112f; // the biases of the exponents are 15 and 127
}

// Inputs in the order of the vectors, divided by their powers; and four sums for each block.
static inline void prepare(int type, const float *x, int n) {
  for (int i = 0; i < n; i += 32) {
    FOR(j, 8) FOR(k, 4) prepared[i + 4 * j + k] = x[i + place(j, k)] / power(type, j);
    f4 sum = {};
    FOR(j, 8) sum += FOUR(x + i + 4 * j);
    FOUR(sums + i / 8) = sum;
  }
}

// A row of weights times a prepared input. The least weights need only its sums.
static inline float product(int type, const byte *block, int n) {
  f4 all = {};
  for (int i = 0; i < n; i += 32, block += block_bytes[type]) {
    f4 here = {};
    FOR(j, 8) here += quants(type, block, j) * FOUR(prepared + i + 4 * j);
    all += here * half(block);
    if (type == Q4_1) all += FOUR(sums + i / 8) * half(block + 2);
  }
  return total(all);
}

// A row of weights as floats, in the order of the vectors, times their powers.
static inline void unpack(int type, const byte *block, int n, float *to) {
  for (int i = 0; i < n; i += 32, block += block_bytes[type]) {
    float scale = half(block), least = type == Q4_1 ? half(block + 2) : 0;
    FOR(j, 8) FOUR(to + i + 4 * j) = quants(type, block, j) * scale + power(type, j) * least;
  }
}

// Four rows of weights times two inputs: eight sums stay in registers.
static void tile(const float *w, const float *x, const float *x2, int n, float *y, float *y2) {
  f4 sum[4] = {}, sum2[4] = {};
  for (int i = 0; i < n; i += 4) FOR(r, 4) {
    sum[r] += FOUR(w + r * n + i) * FOUR(x + i);
    sum2[r] += FOUR(w + r * n + i) * FOUR(x2 + i);
  }
  FOR(r, 4) y[r] = total(sum[r]), y2[r] = total(sum2[r]);
}

static inline void multiply(int type, const Matrix *w, const float *x, int n, float *y) {
  int d = w->columns, rows = w->rows, bytes = row_bytes(w);
  prepare(type, x, n * d);
  if (n == 1) FOR(r, rows) y[r] = product(type, w->data + r * bytes, d);
  else for (int r = 0; r < rows; r += 4) {
    FOR(i, 4) unpack(type, w->data + (r + i) * bytes, d, unpacked + i * d);
    for (int t = 0; t < n; t += 2) {
      int u = t + 1 < n ? t + 1 : t; // the last one of an odd number is paired with itself
      tile(unpacked, prepared + t * d, prepared + u * d, d, y + t * rows + r, y + u * rows + r);
    }
  }
}

// y = x Wᵀ for n rows of x.
EXPORT(linear) void linear(const Matrix *w, const float *x, int n, float *y) {
  w->type == Q4_1 ? multiply(Q4_1, w, x, n, y) : multiply(Q8_0, w, x, n, y); // inlined for each type
}

// y = x W for one x: what a direction in the output is in the input.
EXPORT(transposed) void transposed(const Matrix *w, const float *x, float *y) {
  FOR(i, w->columns) prepared[i] = 0;
  FOR(r, w->rows) {
    unpack(w->type, w->data + r * row_bytes(w), w->columns, unpacked);
    FOR(i, w->columns) prepared[i] += x[r] * unpacked[i];
  }
  FOR(i, w->columns) y[i / 32 * 32 + place(i % 32 / 4, i % 4)] = prepared[i] / power(w->type, i % 32 / 4);
}

// One row of a matrix: the embedding of a token.
EXPORT(embedding) void embedding(const Matrix *w, int i, float *y) { transposed(ROWS(w, i, 1), &(float){1}, y); }

// ------------------------------------------------------------------------ the model
static float dot(const float *a, const float *b, int n) {
  f4 sum = {};
  for (int i = 0; i < n; i += 4) sum += FOUR(a + i) * FOUR(b + i);
  return total(sum);
}

// RMSNorm: x / sqrt(mean(x²) + ε), times the weights.
EXPORT(norm) void norm(const float *x, const float *weight, int n, float *y) {
  for (; n > 0; n--, x += width, y += width) {
    float scale = 1 / __builtin_sqrtf(dot(x, x, width) / width + epsilon);
    FOR(i, width) y[i] = weight[i] * (x[i] * scale);
  }
}

// Rotate neighbouring pairs: (a, b) becomes (a cos − b sin, b cos + a sin).
static void rotate(float *x, int n, int size, const float *cos, const float *sin) {
  FOR(t, n) for (int i = 0; i < size; i += 2, x += 2) {
    int angle = (t * head_size + i % head_size) / 2;
    float a = x[0], b = x[1], c = cos[angle], s = sin[angle];
    x[0] = a * c - b * s, x[1] = b * c + a * s;
  }
}

// exp(x − most) in place; returns the sum.
static float powers(float *x, int n, float most) {
  float sum = 0;
  FOR(i, n) x[i] = exponential(x[i] - most);
  FOR(i, n) sum += x[i];
  return sum;
}

// Attention of one head at position q: softmax(q Kᵀ / sqrt(d_head)) V over the keys up to q.
static void attend(const float *query, const float *keys, const float *values, int q, float *p, float *out) {
  int stride = kv_heads * head_size;
  float most = -3e38f, scale = 1 / __builtin_sqrtf(head_size);
  FOR(k, q + 1) p[k] = dot(query, keys + k * stride, head_size) * scale;
  FOR(k, q + 1) most = __builtin_wasm_max_f32(most, p[k]);
  float sum = powers(p, q + 1, most);
  FOR(i, head_size) out[i] = 0;
  FOR(k, q + 1) {
    p[k] /= sum;
    FOR(i, head_size) out[i] += p[k] * values[k * stride + i];
  }
}

// One layer for the positions `from` to `to`: z = x + attention(norm(x)), y = z + mlp(norm(z)), where
// mlp(x) = (SiLU(x Wgᵀ) ⊙ x Wuᵀ) Wdᵀ and SiLU(x) = x / (1 + exp(−x)). It writes their keys and values, the
// attention weights (row q of a head starts at q (q + 1) / 2) and the outputs of heads, zero if `ablated`.
EXPORT(layer) void layer(const Layer *w, const float *x, float *y, float *keys, float *values, float *attention,
    float *outputs, const float *cos, const float *sin, const byte *ablated, int from, int to) {
  int n = to - from, kv = kv_heads * head_size, all = heads * head_size, square = longest * (longest + 1) / 2;
  x += from * width, y += from * width, cos += from * head_size / 2, sin += from * head_size / 2;
  norm(x, w->norm, n, normed);
  linear(&w->query, normed, n, queries);
  linear(&w->key, normed, n, keys + from * kv);
  linear(&w->value, normed, n, values + from * kv);
  rotate(queries, n, all, cos, sin);
  rotate(keys + from * kv, n, kv, cos, sin);
  FOR(t, n) FOR(h, heads) {
    int q = from + t, group = h / (heads / kv_heads) * head_size; // which shares keys and values
    float *out = outputs + q * all + h * head_size, *weights = attention + h * square + q * (q + 1) / 2;
    attend(queries + t * all + h * head_size, keys + group, values + group, q, weights, out);
    if (ablated[h]) FOR(i, head_size) out[i] = 0;
  }
  linear(&w->output, outputs + from * all, n, added);
  FOR(i, n * width) y[i] = x[i] + added[i];
  norm(y, w->norm_2, n, normed);
  linear(&w->gate, normed, n, gates);
  linear(&w->up, normed, n, ups);
  FOR(i, n * w->gate.rows) gates[i] = gates[i] / (1 + exponential(-gates[i])) * ups[i]; // SiLU(gate) ⊙ up
  linear(&w->down, gates, n, added);
  FOR(i, n * width) y[i] += added[i];
}

// For n normed states, without keeping all logits: the k words of the largest, the sum of exp(logit − the
// largest) over all words, and how many words have larger logits than `word`.
EXPORT(largest) void largest(const Matrix *words, const float *x, int n, int k, int word,
                             int *ids, float *logits, float *powers_sum, int *above) {
  FOR(t, n) powers_sum[t] = 0, above[t] = 0;
  FOR(i, n * k) logits[i] = -3e38f;
  linear(ROWS(words, word / 4 * 4, 4), x, n, gates); // with the rounding of the loop below
  for (int first = 0; first < words->rows; first += WORDS) {
    int count = words->rows - first < WORDS ? words->rows - first : WORDS;
    linear(ROWS(words, first, count), x, n, some_logits);
    FOR(t, n) {
      float *some = some_logits + t * count, *best = logits + t * k, most = best[0];
      FOR(i, count) {
        above[t] += some[i] > gates[4 * t + word % 4];
        if (some[i] <= best[k - 1]) continue;
        int at = k - 1;
        for (; at > 0 && some[i] > best[at - 1]; at--)
          best[at] = best[at - 1], ids[t * k + at] = ids[t * k + at - 1];
        best[at] = some[i], ids[t * k + at] = first + i;
      }
      powers_sum[t] = powers_sum[t] * exponential(most - best[0]) + powers(some, count, best[0]);
    }
  }
}
