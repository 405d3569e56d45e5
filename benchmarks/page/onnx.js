// onnxruntime-web on one thread, the most that a page may use on a host without headers.
import * as ort from "/ort/ort.wasm.min.mjs";
import { answer, kept } from "./answers.js";

ort.env.wasm.wasmPaths = "/ort/";
ort.env.wasm.numThreads = 1;

let session, past, rows, found;

const integers = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [values.length]);
const names = (start) => session.outputNames.filter((name) => name.startsWith(start));

// Of the ids from position `from` on; the keys and values of those before are in `cache`.
const run = (ids, cache, from) => {
  const all = from + ids.length;
  const mask = Float32Array.from({ length: ids.length * all }, (_, i) => (i % all > from + Math.floor(i / all) ? -Infinity : 0));
  const positions = integers(ids.map((_, i) => from + i));
  return session.run({ ids: integers(ids), positions, mask: new ort.Tensor("float32", mask, [ids.length, all]), ...cache });
};

answer({
  async load({ model }) {
    const [graph, weights] = await Promise.all([".onnx", ".bin"].map(async (kind) => new Uint8Array(await kept(model + kind))));
    const externalData = [{ path: `${model.split("/").at(-1)}.bin`, data: weights }];
    session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"], externalData });
  },

  async pass({ ids }) {
    const caches = session.inputNames.filter((name) => name.startsWith("past_"));
    const { shape: [heads, , size] } = session.inputMetadata.find(({ name }) => name === caches[0]);
    const empty = new ort.Tensor("float32", new Float32Array(0), [heads, 0, size]);
    found = await run(ids, Object.fromEntries(caches.map((name) => [name, empty])), 0);
    past = Object.fromEntries(caches.map((name) => [name, found[name.replace("past_", "")]]));
    rows = ids.length;
  },

  async next({ token }) {
    await run([token], past, rows);
  },

  numbers: () => ({ logits: found.logits.data, maps: names("attention").map((name) => found[name].data) }),
});
