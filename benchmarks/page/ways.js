// The ways to run SmolLM2 in a page, all in a worker, behind the same four functions: `load`
// and `pass` take ids, `next` adds one to the text of the last pass, `numbers` returns it all.
import { Remote } from "/lmviz/remote.js";
import { tell } from "./told.js";

const seconds = async (work) => {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
};

// Floats as text that Python reads quickly.
const packed = (floats) => {
  const bytes = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
};

// The view's own worker. It keeps what it has computed, so that a pass begins with another text.
const ours = () => {
  let index, none, text, first;
  const began = performance.now();
  const remote = new Remote("/lmviz/worker.js", ({ kind }) => {
    if (kind === "layer") first?.((performance.now() - began) / 1000);
  });
  const read = (ids) => remote.ask("read", { ids, off: none });
  const start = async (ids) => {
    const address = new URL("/model/", location).href;
    index = await (await fetch(`${address}index.json`)).json();
    none = Array.from({ length: index.config.layers }, () => []);
    return remote.ask("load", { code: "/lmviz/llama.wasm", index, address, ids });
  };
  return {
    // Until the answer after the text is there; the files arrive meanwhile.
    load: (ids) => seconds(async () => {
      const loaded = start(ids);
      while (!none) await new Promise((done) => setTimeout(done));
      await Promise.all([loaded, read(ids)]);
    }),
    // Until the page has the attention weights of the first layer.
    async firstMap(ids) {
      const reached = new Promise((done) => (first = done));
      start(ids);
      while (!none) await new Promise((done) => setTimeout(done));
      read(ids);
      return reached;
    },
    async pass(ids) {
      text = ids;
      await read([ids[0] + 1]);
      return seconds(() => read(ids));
    },
    async next(id) {
      await read(text);
      return seconds(() => read([...text, id]));
    },
    async numbers() {
      await read(text);
      const { layers, heads } = index.config;
      const [logits, maps] = [[], []];
      for (let q = 0; q < text.length; q++)
        logits.push(packed((await remote.ask("look", { q, off: none, words: [0, 1] })).logits));
      for (let i = 0; i < layers * heads; i++) {
        const [layer, head] = [Math.floor(i / heads), i % heads];
        maps.push(packed((await remote.ask("head", { layer, head, q: 0, off: none })).map));
      }
      return { logits, maps };
    },
  };
};

const other = (address, model) => () => {
  const remote = new Remote(address, () => {});
  return {
    load: (ids) => seconds(async () => {
      await remote.ask("load", { model });
      await remote.ask("pass", { ids });
    }),
    pass: (ids) => seconds(() => remote.ask("pass", { ids })),
    next: (token) => seconds(() => remote.ask("next", { token })),
    async numbers() {
      const { logits, maps } = await remote.ask("numbers", {});
      return { logits: [packed(logits)], maps: maps.map(packed) };
    },
  };
};

globalThis.ways = {
  ours,
  float32: other("onnx.js", "/onnx/float32"),
  "4bit": other("onnx.js", "/onnx/4bit"),
  plain: other("plain.js", "/model/"),
};

// A page whose address says what to measure tells it.
const asked = new URLSearchParams(location.search);
if (asked.has("way")) {
  const way = ways[asked.get("way")]();
  const took = await way[asked.get("measure")](asked.get("ids").split(",").map(Number));
  await tell({ seconds: took, agent: navigator.userAgent });
}
