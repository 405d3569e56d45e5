import { View, define, draw, fill, foot, make, moved, on, opacity, steps, visible, word } from "./core.js";
import { saver } from "./save.js";

const [PROBABILITY, RANK] = ["probability", "rank of the final prediction"];
const LEFT = 34;

define("lmviz-lens", class extends View {
  static hint = "Point at a cell: a layer’s prediction after a token.";
  static css = `
    .say { min-height: 2.9em; }
    .wide { max-height: 430px; overflow: auto; }
    .wide svg { display: block; }
    .cell { cursor: pointer; }
    .cell rect { fill: var(--weight); }
    .cell .word { font-weight: 400; }
    .cell .final { font-weight: 600; }
    .ring { fill: none; stroke: var(--mark); stroke-width: 3px; pointer-events: none; }
    .legend { display: flex; flex-wrap: wrap; gap: 0 8px; align-items: center; font-size: 13px; }
    .legend rect { fill: var(--weight); }
    .steps { margin-right: auto; }`;

  build(root, { ranks }) {
    [this.layers, this.n] = ranks.shape;
    this.at = [this.layers - 1, this.n - 1];
    this.height = Math.min(24, Math.max(12.5, Math.floor(390 / this.layers)));
    this.svg = draw("svg", { role: "img", onpointerleave: (event) => this.tip(event),
      "aria-label": "Top token of each layer (up) at each position (right)" });
    this.legend = make("div", { class: "legend" });
    this.box = make("div", { class: "wide", tabindex: 0, role: "region", onkeydown: (event) => this.move(event),
      "aria-label": "Layers by positions: move with the arrow keys" }, this.svg);
    const whole = make("div", {}, make("div", { class: "controls" },
      steps("colour", [PROBABILITY, RANK], PROBABILITY, (by) => this.paint(by)), this.legend), this.box);
    root.append(whole, foot("Bold: the final prediction. Underlined: the token that follows in the text. Row 0: the embeddings, before the first layer.",
      saver(() => ["lens", whole])));
    this.by = PROBABILITY;
    this.lay();
    new ResizeObserver(() => this.lay()).observe(this.box);
  }

  // Draw all cells, in columns that fill the width.
  lay() {
    const { layers, n, height, data: { tokens, depths } } = this;
    const width = Math.max(60, Math.floor((this.box.clientWidth - LEFT - 3) / n));
    if (width === this.width || !this.box.clientWidth) return;
    this.width = width;
    const bottom = layers * height + 2;
    const write = (x, y, text, more) => draw("text", { x, y, ...more }, text);
    // An inner svg cuts off what is too long.
    const heads = tokens.map((token, i) => draw("svg", { x: LEFT + i * width, y: bottom, width,
      height: 22 }, write(4, 16, visible(token), { class: "word", "font-size": 14 })));
    this.cells = Array.from({ length: layers }, (_, layer) => tokens.map((_, i) => this.cell(layer, i)));
    this.ring = draw("rect", { class: "ring", width, height });
    fill(this.svg, { width: LEFT + n * width + 3, height: bottom + 22 });
    this.svg.replaceChildren(
      ...this.cells.map((_, layer) => write(LEFT - 7, this.top(layer) + height / 2 + 4, String(depths[layer]),
        { "text-anchor": "end", "font-size": 11, class: "soft" })),
      write(LEFT - 7, bottom + 15, "read", { "text-anchor": "end", "font-size": 11, class: "soft" }),
      ...this.cells.flat(), ...heads, this.ring);
    this.paint(this.by);
    this.choose(...this.at);
  }

  top(layer) {
    return 2 + (this.layers - 1 - layer) * this.height;
  }

  cell(layer, i) {
    const { width, height, data: { next, ranks } } = this;
    const flat = layer * this.n + i;
    const [[name, prob]] = this.likely(layer, i);
    const choose = () => this.choose(layer, i);
    return draw("svg", { x: LEFT + i * width, y: this.top(layer), width, height, class: "cell", onclick: choose,
      onpointerenter: (event) => {
        choose();
        this.tip(event, word(name), ` ${prob.toFixed(3)}`);
      } },
    draw("rect", { width: width - 1, height: height - 1 }),
    draw("text", { x: 4, y: height / 2 + 4, class: `word ${ranks.values[flat] === 1 ? "final" : ""}`,
      "font-size": height < 18 ? 11.5 : 14, "text-decoration": next.values[flat] ? "underline" : null }, visible(name)));
  }

  // The names and probabilities of a cell's most likely tokens.
  likely(layer, i) {
    const { names, which, probs } = this.data;
    const k = which.shape[2];
    const from = (layer * this.n + i) * k;
    return Array.from({ length: k }, (_, j) => [names[which.values[from + j]], probs.values[from + j]]);
  }

  paint(by) {
    this.by = by;
    const { ranks, size } = this.data;
    const ranked = by === RANK;
    this.cells.flat().forEach((cell, i) => {
      const value = ranked ? 1 - (Math.log(ranks.values[i]) / Math.log(size) || 0) : this.likely(0, i)[0][1];
      cell.firstChild.setAttribute("fill-opacity", opacity(value).toFixed(3));
      cell.lastChild.style.fill = on(value);
    });
    const scale = draw("svg", { width: 120, height: 12 }, ...Array.from({ length: 40 }, (_, i) =>
      draw("rect", { x: 3 * i, width: 3, height: 12, "fill-opacity": opacity(i / 39).toFixed(3) })));
    const [name, from, to] = ranked ? ["rank, log scale", size.toLocaleString("en"), "1"]
      : ["probability of the top token", "0", "1"];
    this.legend.replaceChildren(make("span", {}, name), make("span", { class: "number" }, from), scale,
      make("span", { class: "number" }, to));
  }

  move(event) {
    // Rows are counted from the top, where the last layer is.
    const [layer, i] = this.at;
    const last = this.layers - 1;
    const [row, to] = moved(event, [last - layer, i], [this.layers, this.n]);
    this.choose(last - row, to);
    this.cells[last - row][to].scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  choose(layer, i) {
    const { tokens, ranks, final_probs, depths } = this.data;
    const flat = layer * this.n + i;
    this.at = [layer, i];
    fill(this.ring, { x: LEFT + i * this.width, y: this.top(layer), width: this.width - 1, height: this.height - 1 });
    this.say(`Layer ${depths[layer]}, after `, word(tokens[i]), ": ",
      ...this.likely(layer, i).flatMap(([name, prob], k) => [k ? ", " : "", word(name), ` ${prob.toFixed(3)}`]),
      ". The final prediction, ", word(this.likely(this.layers - 1, i)[0][0]),
      `, has rank ${ranks.values[flat].toLocaleString("en")} here and probability ${final_probs.values[flat].toFixed(3)}.`);
  }
});
