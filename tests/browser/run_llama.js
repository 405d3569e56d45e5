// What the tests of the model in the page compute there: with Llama and Run themselves, and with the worker.
import { Llama } from "./lmviz/llama.js";
import { Run, Trials } from "./lmviz/llama_run.js";
import { Remote } from "./lmviz/remote.js";

const ALWAYS = { ready: () => {}, reached: () => {}, pause: () => false };
let model, run, fresh, trials;
export const heard = [];
let remote, none;

/** Start a model with the files of a folder; the worker gets its own. */
export const load = async (folder) => {
  const address = new URL(folder, location).href;
  const index = await (await fetch(`${address}index.json`)).json();
  const bytes = async (name) => (await fetch(name)).arrayBuffer();
  model = await Llama.start(await bytes("lmviz/llama.wasm"), index.config);
  for (const { name, layer, tensors, first } of index.files) {
    const part = new Uint8Array(await bytes(address + name));
    if (layer != null) model.setLayer(layer, tensors, part);
    else if (first != null) model.setWords(first, part);
    else model.setNorm(part);
  }
  [run, fresh] = [new Run(model), new Run(model)];
  trials = new Trials(run);
  none = Array.from({ length: model.layers }, () => []);
  remote = new Remote("lmviz/worker.js", (message) => heard.push(message));
  await remote.ask("load", { code: new URL("lmviz/llama.wasm", location).href, index, address, ids: [] });
};

/** Lists of ablated heads, one for each layer. */
const silenced = (off) => none.map((_, layer) => off.filter(([at]) => at === layer).map(([, head]) => head));

/** The largest difference; NaN is not lost, nor is a length that differs. */
const far = (found, wanted) => {
  if (found.length !== wanted.length) return Infinity;
  let most = 0;
  for (let i = 0; i < found.length; i++) {
    const here = Math.abs(found[i] - wanted[i]);
    most = here <= most ? most : here;
  }
  return most;
};

/** The logits after every token, then the attention weights of all heads. */
const everything = (one) => {
  const n = one.ids.length;
  const logits = Array.from({ length: n }, (_, t) => model.logits(one.states.at(-1) + 4 * t * model.width));
  const maps = none.flatMap((_, layer) => Array.from({ length: model.heads }, (_, head) => one.map(layer, head)));
  return [...logits, ...maps];
};

/** Run on a text; the largest differences of logits and of attention weights from a file. */
export const differences = async ({ ids, off = [], name }) => {
  const wanted = new Float32Array(await (await fetch(name, { cache: "no-store" })).arrayBuffer());
  await run.read(ids, silenced(off), ALWAYS);
  const parts = everything(run);
  const most = [0, 0];
  let at = 0;
  parts.forEach((part, i) => {
    const here = far(part, wanted.subarray(at, (at += part.length)));
    const kind = i < ids.length ? 0 : 1;
    most[kind] = here <= most[kind] ? most[kind] : here;
  });
  return at === wanted.length ? most : [Infinity, Infinity];
};

/** Change a text step by step; the largest differences from a run that starts anew each time.
 * A step with `until` ends early, as a newer text ends it. */
export const edits = async (texts) => {
  const most = [];
  for (const { ids, off = [], until = Infinity } of texts) {
    let asked = 0;
    if (!(await run.read(ids, silenced(off), { ...ALWAYS, pause: () => ++asked > until }))) continue;
    run.score();
    Object.assign(fresh, { ids: [], done: fresh.done.map(() => 0), scored: 0 });
    await fresh.read(ids, silenced(off), ALWAYS);
    fresh.score();
    const wanted = everything(fresh);
    const parts = everything(run).map((part, i) => far(part, wanted[i]));
    const bests = (one) => one.best.flatMap((words) => words.map(([, logit]) => logit));
    most.push([Math.max(...parts.slice(0, ids.length)), Math.max(...parts.slice(ids.length)),
      far(run.surprisal.slice(1), fresh.surprisal.slice(1)), far(bests(run), bests(fresh))]);
  }
  return most;
};

/** log p of words without one head, and with all. */
export const without = async ({ ids, words, heads }) => {
  await run.read(ids, none, ALWAYS);
  const q = ids.length - 1;
  const found = [];
  for (const [layer, head] of heads) found.push(await trials.without(layer, head, q, words, none, () => false));
  return [run.lens(q, words).at(-1).logs, found];
};

/** Ask the worker. */
export const ask = (kind, { off = [], ...question } = {}) => remote.ask(kind, { ...question, off: silenced(off) });

/** The same with arrays that Python gets as lists. */
export const answer = async (kind, question) => plain(await ask(kind, question));

export const plain = (x) => ArrayBuffer.isView(x) || Array.isArray(x) ? Array.from(x, plain)
  : x && typeof x === "object" ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, plain(v)])) : x;

/** Continue a text with the most likely token. */
export const greedy = async ({ ids, n }) => {
  const all = [...ids];
  while (all.length < ids.length + n) all.push((await ask("read", { ids: all })).best.at(-1)[0][0]);
  return all.slice(ids.length);
};
