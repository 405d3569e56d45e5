import { View, choice, colour, css, define, draw, fill, ink, make, moved, visible } from "./core.js";
import { saver } from "./save.js";

const COLOURS = ["probability of the token", "rank of the final prediction"];
const [WIDTH, HEIGHT, LEFT, TOP] = [72, 24, 48, 40];

define("lmviz-lens", class extends View {
  static css = "svg { display: block; } .cell { cursor: pointer; }";

  build(root, { tokens, ranks }) {
    [this.layers, this.n] = ranks.shape;
    this.at = [this.layers - 1, this.n - 1];
    const bottom = TOP + this.layers * HEIGHT;
    const svg = draw("svg", { width: LEFT + this.n * WIDTH + 3, height: bottom + 48, role: "img",
      "aria-label": "Top token of each layer (up) at each position (right)",
      "font-family": "system-ui, sans-serif", "font-size": 12 });
    const write = (x, y, text, more) => draw("text", { x, y, ...more }, text);
    this.ends = [write(184, 11, "", { "text-anchor": "end" }), write(316, 11, "")];
    const scale = Array.from({ length: 40 }, (_, i) =>
      draw("rect", { x: 190 + 3 * i, width: 3.2, height: 12, fill: css(colour(i / 39)) }));
    svg.append(...this.ends, ...scale, write(0, 34, "layer"),
      write(LEFT, bottom + 42, "position: the last token read"));
    this.cells = Array.from({ length: this.layers }, (_, layer) => {
      const y = bottom - (layer + 1) * HEIGHT;
      svg.append(write(LEFT - 8, y + 16, String(layer), { "text-anchor": "end" }));
      return tokens.map((_, i) => this.cell(LEFT + i * WIDTH, y, layer, i));
    });
    // An inner svg cuts off what is too long.
    const heads = tokens.map((token, i) => draw("svg", { x: LEFT + i * WIDTH, y: bottom, width:
      WIDTH, height: 24 }, write(4, 16, visible(token))));
    this.ring = draw("rect", { width: WIDTH, height: HEIGHT, fill: "none", stroke: "currentColor",
      "stroke-width": 3 });
    svg.append(...this.cells.flat(), ...heads, this.ring);
    const move = (event) => {
      // Rows are counted from the top, where the last layer is.
      const [layer, i] = this.at;
      const last = this.layers - 1;
      const [row, to] = moved(event, [last - layer, i], [this.layers, this.n]);
      this.choose(last - row, to);
      this.cells[last - row][to].scrollIntoView({ block: "nearest", inline: "nearest" });
    };
    this.text = make("output");
    root.append(
      make("div", { class: "controls" },
        choice("colour", COLOURS, COLOURS[0], (by) => this.paint(by)),
        saver(() => ["lens", svg])),
      make("div", { class: "wide", tabindex: 0, role: "region", onkeydown: move,
        "aria-label": "Layers by positions: move with the arrow keys" }, svg),
      this.text,
      make("p", { class: "note" }, `The last layer, ${this.layers - 1}, is on top: the model's own ` +
        "prediction. Layer 0 is the embeddings. Underlined: the token that follows in the text."));
    this.paint(COLOURS[0]);
    this.choose(...this.at);
  }

  cell(x, y, layer, i) {
    const choose = () => this.choose(layer, i);
    const next = this.data.next.values[layer * this.n + i];
    return draw("svg", { x, y, width: WIDTH, height: HEIGHT, class: "cell", onclick: choose,
      onpointerenter: choose }, draw("rect", { width: WIDTH, height: HEIGHT }),
    draw("text", { x: 4, y: 16, "text-decoration": next ? "underline" : null }, this.top(layer, i)[0][0]));
  }

  // The names and probabilities of a cell's most likely tokens.
  top(layer, i) {
    const { names, which, probs } = this.data;
    const k = which.shape[2];
    const from = (layer * this.n + i) * k;
    return Array.from({ length: k }, (_, j) =>
      [visible(names[which.values[from + j]]), probs.values[from + j]]);
  }

  paint(by) {
    const { ranks, size } = this.data;
    const ranked = by === COLOURS[1];
    const names = ranked ? [`rank ${size}`, "rank 1 (steps of equal ratio)"]
      : ["probability 0", "1"];
    this.ends.forEach((end, i) => (end.textContent = names[i]));
    this.cells.flat().forEach((cell, i) => {
      const fraction = ranked ? 1 - (Math.log(ranks.values[i]) / Math.log(size) || 0)
        : this.top(0, i)[0][1];
      const rgb = colour(fraction);
      cell.firstChild.setAttribute("fill", css(rgb));
      cell.lastChild.style.fill = ink(rgb);
    });
  }

  choose(layer, i) {
    const { tokens, ranks, final_probs } = this.data;
    const flat = layer * this.n + i;
    this.at = [layer, i];
    fill(this.ring, { x: LEFT + i * WIDTH, y: TOP + (this.layers - 1 - layer) * HEIGHT });
    const list = this.top(layer, i).map(([name, prob]) => `${name} ${prob.toFixed(4)}`);
    this.text.textContent = `Layer ${layer}, position ${i}, after ${visible(tokens[i])}: ` +
      `${list.join(", ")}. The final prediction ${this.top(this.layers - 1, i)[0][0]} has rank ` +
      `${ranks.values[flat]} and probability ${final_probs.values[flat].toFixed(4)} here.`;
  }
});
