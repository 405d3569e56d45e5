// All heads at a glance: a tile for each, which can be pressed.
import { clamp, draw, fill, local, make, moved, tint, under } from "./core.js";

const [LEFT, TOP] = [38, 32];
const SLICE = 10; // milliseconds; each pause takes four
const text = (x, y, content, anchor = "middle", turn = 0) => draw("text",
  { transform: `translate(${x} ${y}) rotate(${turn})`, "text-anchor": anchor, class: "soft" }, content);

// `pick` is called with the layer and head that was chosen, `point` with an event and those that
// the pointer is at, or without; `fraction` gives the strength of a weight's colour.
export const mosaic = (weights, { at, pick, point, fraction }) => {
  const { layers, heads, queries, keys, numbers } = weights;
  let flip, tile, small, width, turn = 0; // flip: layers run to the right, not down
  const sizes = () => (flip ? [heads, layers] : [layers, heads]);
  const turned = ([a, b]) => (flip ? [b, a] : [a, b]);
  const tiles = make("div", { class: "tiles" });
  const labels = draw("g");
  const ring = draw("rect", { class: "ring", rx: 2 });
  const svg = draw("svg", { role: "img", tabindex: 0, "font-size": 11,
    onclick: (event) => pick(...turned(under(event, tiles, sizes()))),
    onpointermove: (event) => event.pointerType === "mouse" && point(event, ...turned(under(event, tiles, sizes()))),
    onpointerleave: () => point(),
    onkeydown: (event) => {
      const now = turned(at());
      const to = moved(event, now, sizes());
      if (`${to}` !== `${now}`) pick(...turned(to));
    } }, labels, ring);
  const node = make("div", { class: "wide mosaic" }, make("div", { class: "plot" }, tiles, svg));

  const paint = () => {
    tint(tiles, small.map(fraction), width);
    tiles.style.visibility = "visible";
  };

  // Thumbnails: the largest weight of each patch, for some layers at a time, to stay responsive.
  const gather = async () => {
    const mine = ++turn;
    const room = Math.min(48, Math.round(tile * devicePixelRatio)) - 2;
    const [tall, broad] = [Math.min(queries, room), Math.min(keys, room)];
    const gap = Math.ceil(broad / 12);
    const [down, right] = sizes();
    width = right * (broad + gap);
    small = new Float32Array(width * down * (tall + gap)).fill(-1);
    const patches = Uint32Array.from({ length: keys }, (_, k) => Math.floor((k * broad) / keys));
    let began = performance.now();
    for (let layer = 0; layer < layers; layer++) {
      if (performance.now() - began > SLICE) {
        await new Promise((done) => setTimeout(done));
        if (mine !== turn) return;
        began = performance.now();
      }
      weights.gather(small, layer * heads, heads, false, (q, i) => {
        const [row, column] = turned([layer, i % heads]);
        return (row * (tall + gap) + Math.floor((q * tall) / queries)) * width + column * (broad + gap);
      }, patches);
    }
    paint();
  };

  // Its tiles are as large as fits; on a phone layers run to the right.
  const layout = (phone, height, most) => {
    flip = phone;
    const [down, right] = sizes();
    tile = phone ? 28 : clamp([Math.floor(Math.min((height - TOP) / down, (most - LEFT) / right)) - 11], [26])[0] + 11;
    fill(tiles, { style: `left:${LEFT}px;top:${TOP}px;width:${right * tile}px;height:${down * tile}px;visibility:hidden` });
    fill(svg, { width: LEFT + right * tile + 2, height: TOP + down * tile + 2,
      "aria-label": phone ? "All heads: one column per layer, one row per head; choose with the arrow keys"
        : "All heads: one row per layer, one column per head; choose with the arrow keys" });
    const [across, along] = turned(["layer", "head"]);
    const every = Math.ceil(13 / tile);
    labels.replaceChildren(text(LEFT, 11, `${local(along)} →`, "start"), text(10, TOP, `← ${local(across)}`, "end", -90));
    for (let i = 0; i < right; i += every) labels.append(text(LEFT + (i + 0.5) * tile, 26, flip ? numbers[i] : i));
    for (let i = 0; i < down; i += every) labels.append(text(LEFT - 5, TOP + 4 + (i + 0.5) * tile, flip ? i : numbers[i], "end"));
    return gather();
  };

  // Mark some heads, and keep them in sight.
  const mark = (layer, head, tall, broad) => {
    const [[row, column], [down, right]] = [[layer, head], [tall, broad]].map(turned);
    const x = LEFT + column * tile;
    fill(ring, { x: x - 1, y: TOP + row * tile - 1, width: right * tile + 1, height: down * tile + 1 });
    if (x < node.scrollLeft || x + tile > node.scrollLeft + node.clientWidth)
      node.scrollLeft = x + tile / 2 - node.clientWidth / 2;
  };

  return { node, layout, mark, paint, get width() {
    return LEFT + sizes()[1] * tile + 2;
  } };
};
