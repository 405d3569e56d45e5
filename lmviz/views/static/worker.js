// The worker of the view "Inside the model": it loads a model of the Llama family and answers
// questions about a text. A newer text ends what is under way.
import { fetchFile, files } from "./files.js";
import { Llama } from "./llama.js";
import { Run, Trials } from "./llama_run.js";

const PARALLEL = 6;
const newest = {}; // the number of the latest question of each kind
const taken = new Map(); // of each file, the promise that its weights are in the model
let model, whole, ablated, trials, source, index, loaded, started;

// Let messages in, but not so often that it takes time.
const OFTEN = 10; // ms
let before = 0;
const channel = new MessageChannel(), turns = [];
channel.port2.onmessage = () => turns.shift()();
const turn = () => performance.now() - before < OFTEN ? null : new Promise((done) => {
  turns.push(done);
  channel.port1.postMessage(0);
}).then(() => (before = performance.now()));

const take = (file) => {
  if (!taken.has(file.name)) {
    taken.set(file.name, source.get(file).then((buffer) => {
      const bytes = new Uint8Array(buffer);
      if (file.layer != null) model.setLayer(file.layer, file.tensors, bytes);
      else if (file.first != null) model.setWords(file.first, bytes);
      else model.setNorm(bytes);
      postMessage({ kind: "progress", received: source.received });
    }));
    taken.get(file.name).catch(() => taken.delete(file.name)); // it may be asked for again
  }
  return taken.get(file.name);
};
const rowsOf = (ids) => Promise.all(ids.map((id) => take(index.files.findLast(({ first }) => first <= id))));

const start = async (code, address) => {
  const { silence } = index;
  const kernel = await fetchFile({ name: "llama.wasm" }, code, { silence, valid: WebAssembly.validate });
  source = await files(address, index);
  model = await Llama.start(kernel, index.config);
  [whole, ablated] = [new Run(model), new Run(model)];
  trials = new Trials(ablated);
};

const questions = {
  // Load all files: first the embeddings of the text's tokens, then the layers in their order.
  async load({ code, address, ids, ...more }) {
    ({ index } = more);
    started ??= start(code, address);
    started.catch(() => (started = null)); // it may be asked for again
    await started;
    const rows = index.files.filter(({ first }) => first != null);
    const needed = ids.map((id) => rows.findLast(({ first }) => first <= id));
    const queue = new Set([...needed, ...index.files.filter((file) => !rows.includes(file)), ...rows]).values();
    // What the first map needs has the line for itself.
    const first = [...needed, index.files.find(({ layer }) => layer === 0)];
    loaded = Promise.all(first.map(take)).then(() => Promise.all(Array.from({ length: PARALLEL }, async () => {
      for (const file of queue) await take(file);
    })));
    await loaded;
  },

  // Run the model on a text, with all heads and without those of `off`.
  async read({ ids, off }, pause) {
    await started;
    if (await pause(rowsOf(ids))) return null;
    const none = off.map(() => []);
    const ablates = off.some((heads) => heads.length);
    const run = (one, heads, say) => one.read(ids, heads, { pause, ready: (layer) =>
      take(index.files.find((file) => file.layer === layer)), reached: say ? tell(one) : () => {} });
    if (!(await run(whole, none, !ablates))) return null;
    if (ablates) {
      ablated.adopt(whole, off);
      if (!(await run(ablated, off, true))) return null;
    }
    if (await pause(loaded)) return null;
    const now = ablates ? ablated : whole;
    whole.score();
    now.score();
    return { surprisal: now.surprisal.slice(), best: now.best.slice(), before: whole.surprisal.slice() };
  },

  // What one position says: the distribution, with all heads, too, and the lens.
  async look({ q, off, words }) {
    const now = current(off);
    const logits = model.logits(now.states.at(-1) + 4 * q * model.width);
    const before = now === whole ? null : model.logits(whole.states.at(-1) + 4 * q * model.width);
    return { logits, before, lens: now.lens(q, words), contributions: now.contributions(q, words[0], words[1]) };
  },

  // One head: its attention weights, and what it writes at position q, also from each key.
  async head({ layer, head, q, off, words }) {
    const now = current(off);
    return { map: now.map(layer, head), writes: now.writes(layer, head, q), lengths: now.lengths(layer, head, q),
      scores: now.scores(layer, head, q), added: words && now.keyContributions(layer, head, q, ...words) };
  },

  async lens({ off }, pause) {
    const rows = [];
    for (let q = 0; q < whole.ids.length; q++) {
      rows.push(current(off).lens(q, []).map(({ best }) => best));
      if (await pause()) return null;
    }
    return { rows };
  },

  stop: () => ({}), // its number ends a long question that is older

  // Ablate each head alone, the last layer first, and tell log p of some words.
  // The first `from` of them are known.
  async effects({ q, words, off, from = 0 }, pause) {
    trials.run = current(off);
    for (let i = from; i < model.layers * model.heads; i++) {
      const [layer, head] = [model.layers - 1 - Math.floor(i / model.heads), i % model.heads];
      const logs = await trials.without(layer, head, q, words, off, pause);
      if (logs === null) return null;
      postMessage({ kind: "effect", layer, head, logs });
    }
    return {};
  },
};

const current = (off) => (off.some((heads) => heads.length) ? ablated : whole);

// The weights of a layer as two bytes each, for the drawing of all heads.
const tell = (run) => (layer) => {
  const n = run.ids.length * (run.ids.length + 1) / 2;
  const maps = new Uint16Array(model.heads * n);
  for (let head = 0; head < model.heads; head++)
    model.floats(run.attention[layer] + 4 * head * run.square, n).forEach((weight, i) =>
      (maps[head * n + i] = Math.round(65535 * weight)));
  postMessage({ kind: "layer", layer, maps }, [maps.buffer]);
};

const LONG = ["lens", "effects"];
const asked = new Set(); // what to do when a message has come in
let queue = Promise.resolve();

const answer = async ({ kind, id, ...question }) => {
  const enders = LONG.includes(kind) ? ["read", "stop", kind] : ["read", kind];
  const late = () => enders.some((name) => newest[name] > id);
  let check;
  const outdated = new Promise((done) => (check = () => late() && done()));
  asked.add(check);
  // Wait for a turn, or for files; true if a newer question has come in.
  const pause = async (wanted = turn()) => {
    await Promise.race([wanted, outdated]);
    return late();
  };
  try {
    const found = late() ? null : await questions[kind](question, pause);
    postMessage({ kind: "answer", id, found });
  } catch (error) {
    postMessage({ kind: "answer", id, error: error.message });
  }
  asked.delete(check);
};

onmessage = ({ data }) => {
  newest[data.kind] = data.id;
  for (const check of asked) check();
  // Files arrive beside the questions; while a long one is under way, others are answered.
  if (data.kind === "load") answer(data);
  else queue = queue.then(() => (LONG.includes(data.kind) ? void answer(data) : answer(data)));
};
