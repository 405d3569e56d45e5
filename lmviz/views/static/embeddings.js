import { choice } from "./choice.js";
import { MOVES, View, define, draw, fill, foot, make, slider, visible, word } from "./core.js";
import { saver } from "./save.js";

const EDGE = 24;
const LINE = 14;
// Places for a name around its point, the best first: right, left, above, below, corners;
// then the same, further out, with a line that leads back.
const AROUND = [[1, 0], [-1, 0], [0, -1], [0, 1], [1, -1], [-1, -1], [1, 1], [-1, 1]];
const SIDES = [9, 24].flatMap((gap) => AROUND.map((side) => [...side, gap]));

const covers = (a, b) =>
  a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;

const short = (x) => (x < 100 ? x.toPrecision(2) : Math.round(x).toLocaleString("en"));

define("lmviz-embeddings", class extends View {
  static hint = "Point at a word for its nearest neighbours.";
  static css = `
    .map { display: grid; grid-template-columns: minmax(0, 1fr) 12rem; gap: 8px 24px; align-items: center; }
    svg { display: block; width: 100%; }
    .point { cursor: pointer; }
    .point circle { fill: var(--weight); }
    .point.near circle { fill: var(--plus); }
    .point.at circle { fill: var(--mark); stroke: var(--ink); stroke-width: 1.5px; }
    .point.out circle { fill: var(--raised); stroke: var(--weight); stroke-width: 1.5px; }
    .point path, .links { fill: none; stroke: var(--line-strong); }
    .point text { stroke: var(--raised); stroke-width: 3px; stroke-linejoin: round; paint-order: stroke; }
    .point:not(.at) text { font-weight: 400; }
    .near-list { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 2px 8px; }
    .near-list .soft, .bar { grid-column: 1 / -1; font-size: 13px; }
    .near-list .word { font-weight: 400; overflow-wrap: anywhere; }
    .bar { height: 4px; margin-bottom: 6px; border-radius: 2px; background: var(--plus); }
    button { min-width: 5.5rem; }
    select { max-width: 11rem; }
    @container (max-width: 560px) { .map { grid-template-columns: minmax(0, 1fr); } }`;

  build(root, { labels, points }) {
    [this.layers, this.n] = points.shape;
    Object.assign(this, { layer: this.layers - 1, at: 0 });
    this.links = draw("path", { class: "links" });
    this.points = labels.map((label, i) => draw("g", { class: "point",
      onclick: () => this.change({ at: i }), onpointerenter: () => i === this.at || this.change({ at: i }) },
    draw("path"), draw("circle", { r: 5 }),
    // Without x, Firefox gives isolated text no width.
    draw("text", { class: "word", "text-anchor": "middle", x: 0 }, visible(label))));
    this.order = draw("g", {}, ...this.points);
    this.svg = draw("svg", { role: "img", "font-size": 15, tabindex: 0,
      onkeydown: (event) => this.step(event),
      "aria-label": "Vectors as points on a plane: move between points with the arrow keys" },
    this.links, this.order);
    const names = labels.map((label, i) => `${i}: ${visible(label)}`);
    const list = choice("word", names, names[0], () => this.change({ at: this.list.selectedIndex }));
    this.list = list.querySelector("select");
    this.panel = make("div", { class: "near-list" });
    const box = make("div", { class: "map" }, this.svg, this.panel);
    this.foot = foot("", saver(() => ["embeddings", box]));
    root.append(make("div", { class: "controls" }, ...(this.layers > 1 ? this.moves() : []), list),
      box, this.foot);
    this.change({});
    new ResizeObserver(() => this.change({})).observe(this.svg);
  }

  // A slider of the layers, and a button that moves it.
  moves() {
    const last = this.layers - 1;
    const label = slider("layer", { min: 0, max: last, step: 1, value: last }, (layer) => {
      if (layer === last) stop();
      this.change({ layer });
    });
    const input = label.querySelector("input");
    input.addEventListener("pointerdown", () => stop());
    const stop = () => {
      this.playing = clearInterval(this.playing);
      button.textContent = "Play";
    };
    const next = () => {
      const layer = this.layer < last ? this.layer + 1 : 0;
      input.value = layer;
      input.dispatchEvent(new Event("input"));
    };
    const button = make("button", { onclick: () => {
      if (this.playing) return stop();
      button.textContent = "Pause";
      this.playing = setInterval(next, 900);
      next();
    } }, "Play");
    return [button, label];
  }

  // Neighbours of the chosen point, the closest first, each with its cosine.
  get near() {
    const { near, cosines } = this.data;
    const k = near.shape[2];
    const from = (this.layer * this.n + this.at) * k;
    return Array.from({ length: k }, (_, j) => [near.values[from + j], cosines.values[from + j]]);
  }

  // An arrow key leads to the nearest point within 45 degrees of its direction.
  step(event) {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const [down, right] = MOVES[event.key];
    const [x, y] = this.places[this.at];
    const ways = this.places.map(([left, top]) => {
      const along = (left - x) * right + (top - y) * down;
      const far = Math.hypot(left - x, top - y);
      return along > 0 && 2 * along ** 2 >= far ** 2 ? far : Infinity;
    });
    const least = Math.min(...ways);
    if (least < Infinity) this.change({ at: ways.indexOf(least) });
  }

  // The frame has one scale, for both directions and all layers: distances compare.
  frame() {
    const width = Math.round(this.svg.getBoundingClientRect().width) || 640;
    if (width === this.width) return;
    const height = Math.round(Math.min(420, Math.max(320, width)));
    Object.assign(this, { width, height });
    fill(this.svg, { viewBox: `0 0 ${width} ${height}`, width, height });
    this.ends = Array.from({ length: this.layers }, (_, layer) => [0, 1].map((axis) => {
      const along = Array.from({ length: this.n }, (_, i) => this.data.points.values[
        2 * (layer * this.n + i) + axis]);
      return [Math.min(...along), Math.max(...along)];
    }));
    this.scale = Math.min(...[width, height].map((size, axis) => (size - 2 * EDGE) /
      Math.max(1e-9, ...this.ends.map((ends) => ends[axis][1] - ends[axis][0]))));
    this.sizes = this.points.map(({ lastChild }) => lastChild.getBBox().width);
  }

  // Where each point of a layer is drawn, the middle of all in the middle of the frame.
  place(layer) {
    return this.points.map((_, i) => [0, 1].map((axis) => {
      const [low, high] = this.ends[layer][axis];
      const off = this.data.points.values[2 * (layer * this.n + i) + axis] - (low + high) / 2;
      return +([this.width, this.height][axis] / 2 + [1, -1][axis] * this.scale * off).toFixed(2);
    }));
  }

  change(state) {
    const { layer: before, width } = this;
    Object.assign(this, state);
    this.frame();
    const { at, layer, near, data: { excluded } } = this;
    const old = this.places;
    this.places = this.place(layer);
    const marked = [at, ...near.map(([i]) => i)];
    this.points.forEach((point, i) => fill(point, { transform: `translate(${this.places[i]})`,
      class: ["point", i === at ? "at" : marked.includes(i) ? "near" : excluded.includes(i) && "out"]
        .filter(Boolean).join(" ") }));
    this.name(marked);
    this.order.append(...[...marked].reverse().map((i) => this.points[i]));
    this.links.setAttribute("d", near.map(([i]) =>
      `M${this.places[at]}L${this.places[i]}`).join(""));
    if (before !== layer && width === this.width) this.glide(old);
    this.list.selectedIndex = at;
    this.tell();
  }

  // Points move from their old places to their new ones, unless they are too many or motion
  // is to be reduced.
  glide(old) {
    if (this.n > 500 || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const timing = { duration: 420, easing: "cubic-bezier(.2,.7,.2,1)" };
    const way = (place) => `translate(${place.map((x) => `${x}px`)})`;
    this.points.forEach((point, i) =>
      point.animate({ transform: [way(old[i]), way(this.places[i])] }, timing));
    this.links.animate({ opacity: [0, 0, 1] }, timing);
  }

  // Each name takes the first free side of its point: those that are marked first. A name
  // without a free side is hidden, and appears when its point is chosen.
  name(marked) {
    const taken = this.places.map(([x, y]) =>
      ({ left: x - 5, right: x + 5, top: y - 5, bottom: y + 5 }));
    // Of very many points only some are tried: the frame has no room for more names.
    const every = Math.ceil(this.n / 300);
    const tried = new Set([...marked, ...this.points.keys()].filter((i, k) => k < marked.length || i % every === 0));
    this.points.forEach(({ firstChild, lastChild }, i) => {
      if (tried.has(i)) return;
      firstChild.setAttribute("d", "");
      lastChild.setAttribute("visibility", "hidden");
    });
    for (const i of tried) {
      const [x, y] = this.places[i];
      const half = this.sizes[i] / 2;
      const boxes = SIDES.map(([right, down, gap]) => {
        const [dx, dy] = [right * (gap + half), down * (right ? gap + 3 : gap + 6)];
        return { dx, dy, left: x + dx - half, right: x + dx + half, top: y + dy - LINE / 2,
          bottom: y + dy + LINE / 2, line: gap > 9 ? `M0 0L${right * gap} ${dy}` : "" };
      }).filter(({ left, right, top, bottom }) =>
        left >= 0 && right <= this.width && top >= 0 && bottom <= this.height);
      const own = taken[i];
      const box = boxes.find((box) => !taken.some((other) => other !== own && covers(box, other)))
        ?? (marked.includes(i) && boxes[0]);
      const [leader, , text] = this.points[i].children;
      leader.setAttribute("d", box ? box.line : "");
      fill(text, box ? { visibility: "visible", x: box.dx, y: box.dy + 4 } : { visibility: "hidden" });
      if (box) taken.push(box);
    }
  }

  tell() {
    const { at, layer, n, near, data: { labels, kept, norms, excluded } } = this;
    const own = [...norms.values.subarray(layer * n, (layer + 1) * n)];
    const middle = own.toSorted((a, b) => a - b)[n >> 1];
    const where = this.layers > 1 ? `At layer ${layer}, ` : "";
    const [[first, cosine]] = near;
    this.say(where, word(labels[first]), " is closest to ", word(labels[at]),
      ` (cosine ${cosine.toFixed(2)}). Norm of `, word(labels[at]),
      `: ${short(own[at])}; median: ${short(middle)}.`);
    this.panel.replaceChildren(make("span", { class: "soft" }, "Closest by cosine, in all dimensions"),
      ...near.flatMap(([i, cosine]) => [word(labels[i]), make("span", { class: "number" }, cosine.toFixed(2)),
        make("span", { class: "bar", style: `width:${Math.max(0, 100 * cosine)}%` })]));
    const shown = kept.values.subarray(2 * layer, 2 * layer + 2);
    const percent = (x) => `${(100 * x).toFixed(0)}%`;
    const left = excluded.map((i) => visible(labels[i]));
    this.foot.querySelector(".note").textContent = "Each vector is scaled to length 1. The plane shows " +
      `${percent(shown[0])} + ${percent(shown[1])} of the variance` +
      (this.layers > 1 ? ", rotated and scaled to match the layer before" : "") + "." +
      (left.length ? ` It is fitted without ${left.join(", ")}.` : "");
  }
});
