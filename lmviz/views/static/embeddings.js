import { MOVES, View, define, draw, fill, make, slider, visible } from "./core.js";
import { saver } from "./save.js";

const [SIZE, EDGE] = [400, 40];

define("lmviz-embeddings", class extends View {
  static css = `
    svg { display: block; width: 100%; max-width: 34rem; height: auto; }
    .point { cursor: pointer; }
    .point text { stroke: Canvas; }
    select { width: 100%; max-width: 14rem; }`;

  build(root, { labels, points }) {
    [this.layers, this.n] = points.shape;
    this.layer = this.layers - 1;
    this.at = 0;
    const line = (d) => draw("path", { d, stroke: "currentColor", "stroke-opacity": 0.3 });
    this.links = draw("path", { fill: "none", stroke: "currentColor", "stroke-width": 1.5 });
    this.points = labels.map((label, i) => draw("g", { class: "point", onclick: () =>
      this.change({ at: i }), onpointerenter: () => this.change({ at: i }) },
    draw("circle", { r: 4, stroke: "currentColor" }), draw("text", { y: 4, stroke: "#fff",
      "stroke-width": 3, "paint-order": "stroke" }, visible(label))));
    this.front = draw("g", { "pointer-events": "none" });
    this.ends = [
      draw("text", { x: SIZE / 2, y: SIZE - 4, "text-anchor": "middle" }),
      draw("text", { x: 12, y: SIZE / 2, "text-anchor": "middle",
        transform: `rotate(-90 12 ${SIZE / 2})` })];
    const svg = draw("svg", { viewBox: [0, 0, SIZE, SIZE], width: SIZE, height: SIZE, role: "img",
      "font-size": 12, "font-family": "system-ui, sans-serif", tabindex: 0,
      onkeydown: (event) => this.step(event),
      "aria-label": "Vectors as points on a plane: move between points with the arrow keys" },
    line(`M20 ${SIZE - 20}H${SIZE}M20 0V${SIZE - 20}`), ...this.ends, this.links, ...this.points, this.front);
    this.list = make("select", { onchange: () => this.change({ at: +this.list.value }) },
      ...labels.map((label, i) => make("option", { value: i }, `${i}: ${visible(label)}`)));
    this.text = make("output");
    const change = (layer) => this.change({ layer });
    root.append(
      make("div", { class: "controls" }, make("label", {}, "point", this.list),
        this.layers > 1 ? slider("layer", { min: 0, max: this.layer, step: 1, value: this.layer },
          change) : "",
        saver(() => ["embeddings", svg])),
      this.text, svg);
    this.change({});
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

  change(state) {
    Object.assign(this, state);
    const { at, layer, n, near, data: { points, kept, labels } } = this;
    const places = Array.from({ length: n }, (_, i) =>
      [0, 1].map((axis) => points.values[2 * (layer * n + i) + axis]));
    const [lows, highs] = [Math.min, Math.max].map((most) =>
      [0, 1].map((axis) => most(...places.map((place) => place[axis]))));
    // One scale for both directions, so that distances compare.
    const scale = (SIZE - 2 * EDGE) / (Math.max(...[0, 1].map((a) => highs[a] - lows[a])) || 1);
    const middle = [0, 1].map((axis) => (lows[axis] + highs[axis]) / 2);
    this.places = places.map(([x, y]) => [SIZE / 2 + (x - middle[0]) * scale - 8,
      SIZE / 2 - 8 - (y - middle[1]) * scale].map((x) => +x.toFixed(2)));
    const marked = [at, ...near.map(([i]) => i)];
    const close = new Set(marked);
    this.points.forEach((point, i) => {
      const [r, colour] = i === at ? [7, "currentColor"] : close.has(i) ? [6, "#e69f00"] : [3, "#56b4e9"];
      const [x, anchor] = this.places[i][0] > SIZE / 2 ? [-9, "end"] : [9, "start"];
      fill(point, { transform: `translate(${this.places[i]})` });
      fill(point.firstChild, { r, fill: colour });
      fill(point.lastChild, { x, "text-anchor": anchor, "font-weight": i === at ? "bold" : "normal" });
    });
    // A label that would cover that of a neighbour, or an earlier one, is hidden.
    const boxes = this.points.map(({ lastChild }) => lastChild.getBoundingClientRect());
    const covers = (a, b) =>
      a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
    const shown = new Set(marked);
    boxes.forEach((box, i) => [...shown].some((k) => covers(box, boxes[k])) || shown.add(i));
    this.points.forEach(({ lastChild }, i) =>
      lastChild.setAttribute("visibility", shown.has(i) ? "visible" : "hidden"));
    this.front.replaceChildren(...marked.map((i) => this.points[i].cloneNode(true)).reverse());
    this.links.setAttribute("d", near.map(([i]) =>
      `M${this.places[at]}L${this.places[i]}`).join(""));
    this.list.value = at;
    kept.values.slice(2 * layer, 2 * layer + 2).forEach((fraction, axis) => (this.ends[axis].textContent =
      `${["first", "second"][axis]} direction: ${(100 * fraction).toFixed(1)}% of the variance`));
    this.text.textContent = `Closest to ${visible(labels[at])}` +
      `${this.layers > 1 ? ` at layer ${layer}` : ""}, by cosine in all dimensions: ` +
      near.map(([i, cosine]) => `${visible(labels[i])} ${cosine.toFixed(4)}`).join(", ");
  }
});
