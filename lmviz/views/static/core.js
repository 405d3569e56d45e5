// What all views share: an element that unpacks its data and draws into a shadow root.

export const define = (name, element) => {
  if (!customElements.get(name)) customElements.define(name, element);
};

// An element with attributes and children. Strings become text, never markup.
export const make = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const draw = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

export const fill = (element, attributes, children = []) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
};

// A text with invisible characters written as in lmviz/_text.py. A combining character gets a
// base; isolation keeps a right-to-left token from moving its neighbours.
export const visible = (text) =>
  "\u2068" +
  text
    .replace(/\n/g, "↵").replace(/\t/g, "⇥")
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffe\uffff]/gu,
      (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`)
    .replace(/^\p{M}/u, "◌$&") +
  "\u2069";

const TYPES = {
  bool: Uint8Array, uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array,
  int32: Int32Array, uint32: Uint32Array, float32: Float32Array, float64: Float64Array,
};

const unpack = async ({ array, type, shape }) => {
  const text = atob(array);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const values = new TYPES[type](await new Response(stream).arrayBuffer());
  return { values, shape };
};

const revive = async (data) => {
  if (data === null || typeof data !== "object") return data;
  if (typeof data.array === "string" && data.type in TYPES) return unpack(data);
  const entries = Object.entries(data);
  const values = await Promise.all(entries.map(([, value]) => revive(value)));
  if (Array.isArray(data)) return values;
  return Object.fromEntries(entries.map(([key], i) => [key, values[i]]));
};

const STYLE = `
:host { display: block; margin: 1rem 0; font: 0.9rem/1.4 system-ui, sans-serif;
  color: inherit; --line: color-mix(in srgb, currentColor 25%, transparent);
  --soft: color-mix(in srgb, currentColor 8%, transparent);
  --accent: light-dark(#0060a0, #6cb8ee); --page: var(--pst-color-background, Canvas); }
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
.title { font-size: 1rem; font-weight: bold; margin: 0 0 0.5rem; }
button, select, input { font: inherit; color: inherit; }
button, select, input[type="text"] { background: var(--soft); border: 1px solid var(--line);
  border-radius: 0.3rem; padding: 0.15rem 0.5rem; min-height: 1.75rem; }
button { cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.controls { display: flex; flex-wrap: wrap; gap: 0.4rem 1rem; align-items: center;
  margin: 0.4rem 0; }
.controls label { display: inline-flex; gap: 0.4rem; align-items: center; }
.wide { overflow-x: auto; }
output, .note { display: block; min-height: 1.4em; overflow-wrap: anywhere; }
.note { opacity: 0.85; font-size: 0.85em; }
svg text { fill: currentColor; }
.mono { font-family: ui-monospace, monospace; }
.strip { display: flex; flex-wrap: wrap; gap: 2px; padding: 4px; }
.strip button { padding: 0 0.25rem; white-space: pre-wrap; overflow-wrap: anywhere; }
`;

const sheets = new Map();
const sheet = (css) => {
  if (!sheets.has(css)) {
    const made = new CSSStyleSheet();
    made.replaceSync(css);
    sheets.set(css, made);
  }
  return sheets.get(css);
};

// A view draws in `build(root, data)`; `ready` resolves when that is done.
export class View extends HTMLElement {
  static css = "";

  connectedCallback() {
    this.ready ??= this.#show();
  }

  async #show() {
    const source = this.querySelector('script[type="application/json"]');
    this.data = await revive(JSON.parse(source.textContent));
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet(STYLE), sheet(this.constructor.css)];
    const title = this.dataset.title;
    // Neither a heading nor a landmark: pages have their own order of these.
    const view = make("div", { class: "view", role: "group", "aria-label": title },
      make("div", { class: "title" }, title));
    root.append(view);
    await this.build(view, this.data);
  }
}

// Viridis: uniform, and safe for colour-blind readers.
const STOPS = ["440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962",
  "addc30", "fde725"].map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

// The colour of a number from 0 to 1, as three bytes.
export const colour = (fraction) => {
  const at = Math.min(Math.max(fraction, 0), 1) * (STOPS.length - 1);
  const i = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[i].map((from, c) => Math.round(from + (at - i) * (STOPS[i + 1][c] - from)));
};

export const css = (rgb) => `rgb(${rgb.join(" ")})`;

// Black or white, whichever reads better on a colour.
export const ink = (rgb) => {
  const [r, g, b] = rgb.map((c) => (c / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000" : "#fff";
};

export const softmax = (logits) => {
  let most = -Infinity;
  for (const x of logits) most = Math.max(most, x);
  const powers = Float64Array.from(logits, (x) => Math.exp(x - most));
  let sum = 0;
  for (const x of powers) sum += x;
  return powers.map((x) => x / sum);
};

// A slider and its value.
export const slider = (label, { min, max, step, value, show = String }, changed) => {
  const shown = make("span", { class: "mono" }, show(value));
  const input = make("input", { type: "range", min, max, step, value, "aria-label": label,
    oninput: () => {
      shown.textContent = show(+input.value);
      changed(+input.value);
    } });
  return make("label", {}, label, input, shown);
};

// A labelled select element.
export const choice = (label, names, value, changed) => make("label", {}, label,
  make("select", { onchange: (event) => changed(event.target.value) },
    ...names.map((name) => make("option", { selected: name === value }, name))));

// A weight in words; below zero is a key that comes later.
export const describe = (tokens, query, key, weight) => {
  const [q, k] = [query, key].map((i) => `${i} “${visible(tokens[i])}”`);
  return `query ${q} → key ${k}: ${weight < 0 ? "masked, since it comes later" : weight.toFixed(4)}`;
};

export const clamp = (at, sizes) => at.map((x, i) => Math.min(Math.max(x, 0), sizes[i] - 1));

// The row and column under the pointer, in a box of `sizes`.
export const under = ({ clientX, clientY }, box, sizes) => {
  const { x, y, width, height } = box.getBoundingClientRect();
  return clamp([(clientY - y) / height, (clientX - x) / width].map((at, i) =>
    Math.floor(at * sizes[i])), sizes);
};

// One pixel per number, each between 0 and 1; NaN is transparent.
export const paint = (canvas, rows) => {
  const [height, width] = [rows.length, rows[0].length];
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  rows.forEach((row, y) => row.forEach((value, x) =>
    isNaN(value) || image.data.set([...colour(value), 255], 4 * (y * width + x))));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
};

export const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
  Home: [0, -1e9], End: [0, 1e9] };

// The cell that a key leads to, in a grid of `sizes`.
export const moved = (event, at, sizes) => {
  const move = MOVES[event.key];
  if (!move) return at;
  event.preventDefault();
  return clamp(at.map((x, i) => x + move[i]), sizes);
};

// Tokens as buttons in a row; Tab reaches one, arrow keys the others. If one is `chosen`
// initially, it is pressed, and pointing alone chooses no other.
export const strip = (label, tokens, look, chosen) => {
  const mark = (i) => buttons.forEach((button, k) => {
    button.tabIndex = k === i ? 0 : -1;
    if (chosen != null) button.ariaPressed = k === i;
  });
  const buttons = tokens.map((token, i) => {
    const looked = () => {
      mark(i);
      look(i);
    };
    return make("button", { class: "mono", onpointerenter: chosen == null && looked, onfocus: looked,
      onclick: looked, onkeydown: (event) => {
        const [, to] = moved(event, [0, i], [1, tokens.length]);
        if (to !== i) buttons[to].focus();
      } }, visible(token));
  });
  mark(chosen ?? 0);
  return make("div", { class: "strip", role: "group", "aria-label": label }, ...buttons);
};
