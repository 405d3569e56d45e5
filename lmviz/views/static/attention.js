import { View, choice, clamp, colour, css, define, describe, draw, foot } from "./core.js";
import { ink, make, moved, strip, under, visible } from "./core.js";
import { copier, saver } from "./save.js";

const STEPS = 1023;
const PALETTE = Array.from({ length: STEPS + 1 }, (_, i) => colour(i / STEPS));
// The same as pixels, red in the lowest byte.
const PIXELS = Uint32Array.from(PALETTE, ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r);
// The step of a weight, negative for none, and evenly spaced ticks of the colour bar, as in
// _svg.py.
const SCALES = {
  linear: [(w) => Math.round(w * STEPS), 0, 0.25, 0.5, 0.75, 1],
  log1p: [(w) => (w < 0 ? w : Math.round(Math.log1p(w) / Math.LN2 * STEPS)), 0, 0.19, 0.41, 0.68, 1],
  log: [(w) => (w > 1e-4 ? Math.round((1 + Math.log10(w) / 4) * STEPS) : Math.min(w, 0)),
    "≤0.0001", 0.001, 0.01, 0.1, 1],
};
const WHAT = ["one head", "mean over heads of the layer", "maximum over heads of the layer",
  "mean over all heads", "maximum over all heads"];

const text = (x, y, content, anchor = "start", turn = 0) => draw("text",
  { transform: `translate(${x} ${y}) rotate(${turn})`, "text-anchor": anchor }, content);

const box = (x, y, width, height, fill = "none") => draw("rect", { x, y, width, height, fill });

// A canvas of pixels under a drawing; pointer and arrow keys call `pick(row, column)`.
const plot = (label, [x, y, w, h], [width, height], sizes, on, at, pick) => {
  const canvas = make("canvas", { style: `left:${x}px;top:${y}px;width:${w}px;height:${h}px` });
  const svg = draw("svg", { width, height, role: "img", tabindex: 0,
    "aria-label": label, "font-size": 11, "font-family": "sans-serif",
    onkeydown: (event) => {
      const to = moved(event, at(), sizes);
      if (`${to}` !== `${at()}`) pick(...to);
    },
    [on]: (event) => pick(...under(event, canvas, sizes)) });
  const frame = make("div", { class: "wide", tabindex: 0, role: "group", "aria-label": label },
    make("div", {}, canvas, svg));
  return { canvas, svg, frame };
};

const build = async (view, root, { shape, tokens, causal, low, high, levels, scale, note }) => {
  const [layers, heads, queries, keys] = shape;
  const offset = keys - queries;
  const size = causal ? queries * (offset + (queries + 1) / 2) : queries * keys;
  const state = (view.state = { layer: 0, head: 0, what: WHAT[0], query: queries - 1, key: 0,
    scale });
  const step = (w) => SCALES[state.scale][0](w);
  const row = (query) => view.matrix.values.subarray(query * keys, (query + 1) * keys);

  // Put the largest or mean weight of `n` heads where `start` says of a row and `columns`
  // of a key, straight from the codes. Plain numbers in the inner loop, for its speed.
  const each = Uint32Array.from({ length: keys }, (_, k) => k);
  const gather = (values, from, n, mean, start, columns = each) => {
    const [lower, upper] = [low.values, high.values];
    const weights = Float64Array.from(levels.values, (weight) => (mean ? weight / n : weight));
    for (let i = from * size, head = from; head < from + n; head++)
      for (let q = 0; q < queries; q++) {
        const to = start(q, head);
        for (let k = 0, end = causal ? q + offset + 1 : keys; k < end; k++, i++) {
          const weight = weights[lower[i] | (((upper[i >> 2] >> (2 * (i & 3))) & 3) << 8)];
          const at = to + columns[k];
          const was = values[at];
          if (mean) values[at] = was > 0 ? was + weight : weight;
          else if (weight > was) values[at] = weight;
        }
      }
  };

  const paint = (canvas, values, width) => {
    Object.assign(canvas, { width, height: values.length / width });
    const image = new ImageData(width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    values.forEach((w, i) => (pixels[i] = PIXELS[step(w)]));
    canvas.getContext("2d").putImageData(image, 0, 0);
  };

  const tile = clamp([Math.floor(300 / Math.max(heads, layers)) - 20], [25])[0] + 20;
  const all = plot("All heads: one row per layer, one column per head; choose with the arrow keys",
    [38, 36, tile * heads, tile * layers], [tile * heads + 42, tile * layers + 40],
    [layers, heads], "onclick", () => [state.layer, state.head],
    (layer, head) => show({ layer, head, what: state.what.replace(/.* all heads/, WHAT[0]) }));
  const chosen = draw("g", { class: "mark" });
  all.svg.append(text(38, 12, "head →"), text(11, 36, "← layer", "end", -90), chosen);
  for (let i = 0; i < heads; i++) all.svg.append(text(38 + (i + 0.5) * tile, 30, i, "middle"));
  for (let i = 0; i < layers; i++) all.svg.append(text(33, 40 + (i + 0.5) * tile, i, "end"));

  const cell = Math.max(1, Math.min(24, Math.round(480 / keys)));
  const [x, y, w, h] = [104, 70, cell * keys, cell * queries];
  const map = plot("Attention map: one row per query, one column per key; move with the arrow keys", [x, y, w, h],
    [Math.max(x + w + 8, 340), y + h + 98], [queries, keys], "onmousemove",
    () => [state.query, state.key], (...at) => point(...at));
  const [bar, cross] = [draw("g"), draw("g", { class: "mark" })];
  map.svg.append(bar, text(x + w / 2, y + h + 92, "key (attended to)", "middle"),
    text(14, y + h / 2, "query", "middle", -90), cross);
  const short = (i) => visible(tokens[i].replace(/^(.{11}).{2,}$/su, "$1…"));
  for (let i = 0; i < keys; i += Math.ceil(12 / cell)) {
    const middle = (i + 0.5) * cell + 4;
    map.svg.append(text(x + middle, y + h + 5, short(i), "end", -90));
    if (i < queries) map.svg.append(text(x - 5, y + middle, short(i + offset), "end"));
  }

  // A token of the strip becomes the query; the key is the one that it attends to most.
  const line = strip("Tokens, coloured by the attention weights of the query", tokens, (i) =>
    i < offset || point(i - offset, row(i - offset).indexOf(Math.max(...row(i - offset)))));
  const point = (query, key) => {
    Object.assign(state, { query, key });
    cross.replaceChildren(box(x, y + query * cell, w, cell), box(x + key * cell, y, cell, h));
    [...line.children].forEach((button, k) => {
      const rgb = PALETTE[step(row(query)[k])];
      button.style.cssText = rgb ? `background: ${css(rgb)}; color: ${ink(rgb)}` : "";
      button.ariaCurrent = k === query + offset;
    });
    view.say(`${view.shown}: `, ...describe(tokens, query + offset, key, row(query)[key]));
  };

  const show = (change) => {
    Object.assign(state, change);
    const { layer, head, what, scale } = state;
    picked.control.value = what;
    const one = what === WHAT[0];
    const every = what.endsWith("all heads");
    const [top, left] = [every ? 0 : layer, one ? head : 0];
    const [down, right] = [every ? layers : 1, one ? 1 : heads];
    const [fold] = what.split(" ");
    view.shown = `${every ? "all layers" : `layer ${layer}`}, ` +
      (one ? `head ${head}` : `${fold} over ${down * right} heads (not a single head)`);
    const values = new Float32Array(queries * keys).fill(-1);
    view.matrix = { values, shape: [queries, keys] };
    gather(values, top * heads + left, down * right, fold === "mean", (q) => q * keys);
    paint(map.canvas, values, keys);
    chosen.replaceChildren(box(38 + left * tile, 36 + top * tile, right * tile, down * tile));
    bar.replaceChildren(text(4, 14, view.shown), text(x, 32, `colour: weight, ${scale} scale`));
    for (let i = 0; i < 200; i += 2) bar.append(box(x + i, 38, 2, 10, css(colour(i / 198))));
    SCALES[scale].slice(1).forEach((tick, i) => bar.append(text(x + 50 * i, 60, tick, "middle")));
    point(state.query, state.key);
  };

  const table = () => [view.shown, [["query \\ key", ...tokens], ...tokens.slice(offset).map((token, q) =>
    [token, ...Array.from(row(q), (weight) => (weight < 0 ? "" : weight.toFixed(4)))])]];

  const drawing = () => {
    const paths = {};
    view.matrix.values.forEach((weight, i) => {
      const s = step(weight);
      if (s >= 0) paths[s] = `${paths[s] ?? ""}M${i % keys} ${Math.floor(i / keys)}h1v1h-1z`;
    });
    return [view.shown, map.svg, (svg) => {
      svg.lastChild.remove(); // the cross
      svg.prepend(draw("g",
        { transform: `translate(${x} ${y}) scale(${cell})`, "shape-rendering": "crispEdges" },
        ...Object.entries(paths).map(([s, d]) => draw("path", { d, fill: css(PALETTE[s]) }))));
    }];
  };

  const picked = choice("show", WHAT, state.what, (what) => show({ what }));
  root.append(make("div", { class: "controls" }, picked,
    choice("colour", Object.keys(SCALES), state.scale, (scale) => {
      show({ scale });
      paint(all.canvas, small, across);
    }),
  ),
  make("div", { class: "both" }, all.frame, map.frame), line,
  foot(note, copier(table), saver(drawing)));

  // Thumbnails: the largest weight of each patch, a layer at a time, to stay responsive.
  const room = Math.min(48, Math.round(tile * devicePixelRatio)) - 2;
  const [tall, broad] = [Math.min(queries, room), Math.min(keys, room)];
  const gap = Math.ceil(broad / 12);
  const across = heads * (broad + gap);
  const small = new Float32Array(across * layers * (tall + gap)).fill(-1);
  const patches = each.map((k) => Math.floor((k * broad) / keys));
  show({});
  for (let layer = 0; layer < layers; layer++) {
    await new Promise((done) => setTimeout(done));
    gather(small, layer * heads, heads, false, (q, head) =>
      (layer * (tall + gap) + Math.floor((q * tall) / queries)) * across +
      (head % heads) * (broad + gap), patches);
  }
  paint(all.canvas, small, across);
};

define("lmviz-attention", class extends View {
  static css = `
.strip { max-height: 13rem; overflow: auto; }
.both { display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: flex-start; }
.wide { max-width: 100%; }
.wide div { position: relative; width: max-content; }
canvas { position: absolute; image-rendering: pixelated; }
svg { position: relative; display: block; }
g text:first-child { font-weight: bold; }
.mark { stroke: #fff; stroke-width: 1.5; filter: drop-shadow(0 0 1px #000) drop-shadow(0 0 1px #000); }
svg:focus-visible { outline-offset: -2px; }
[aria-current="true"]:not(:focus-visible) { outline: 2px dashed CanvasText; outline-offset: 1px; }`;

  build = (...data) => build(this, ...data);
});
