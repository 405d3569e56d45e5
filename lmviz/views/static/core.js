// What all views share: an element that unpacks its data and draws a card into a shadow root.
import { STYLE, TOKENS } from "./style.js";

export const define = (name, element) => {
  if (!customElements.get(name)) customElements.define(name, element);
};

// An element with attributes and children. Strings become text, never markup.
export const make = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

// Firefox draws no text that begins with an isolate, unless it has an x.
export const draw = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag),
    tag === "text" ? { x: 0, ...attributes } : attributes, children);

// A text in the language of the page, whose words are in words.js; in English there are none.
export const local = (text) => globalThis.lmvizWords?.(text) ?? text;

export const fill = (element, attributes, children = []) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : /^(aria-label|title|placeholder)$/.test(name) ? local(value) : value);
  }
  element.append(...children.map(local));
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

const sheets = new Map();
const sheet = (css) => {
  if (!sheets.has(css)) {
    const made = new CSSStyleSheet();
    made.replaceSync(css);
    sheets.set(css, made);
  }
  return sheets.get(css);
};

// A view draws in `build(root, data)`, where root is its card; `ready` resolves when that is
// done. `hint` says in one line what to do; `say` fills the readout in the card's head.
export class View extends HTMLElement {
  static css = "";
  static hint = "";
  #readout;
  #width;
  #frame = null;
  #tip;

  connectedCallback() {
    this.ready ??= this.#show();
  }

  async #show() {
    const source = this.querySelector('script[type="application/json"]');
    this.data = await revive(JSON.parse(source.textContent));
    const root = this.attachShadow({ mode: "open" });
    const own = [STYLE, this.constructor.css].map(sheet);
    // All tokens are the page's, or none: a page may use one of these names for something else.
    const styled = getComputedStyle(this).getPropertyValue("--on-weight");
    root.adoptedStyleSheets = styled ? own : [sheet(TOKENS), ...own];
    const { title } = this.dataset;
    const { hint } = this.constructor;
    this.head = make("div", { class: "head" },
      make("div", { class: "title" }, make("span", { class: "tag" }, "interactive"), title),
      make("div", { class: "hint" }, hint));
    // No heading, no landmark: pages have their own order of these.
    const view = make("div", { class: "view", role: "group", "aria-label": title }, this.head);
    root.append(view);
    await this.build(view, this.data);
  }

  // Strings and nodes, as one sentence.
  say(...content) {
    if (!this.#readout) {
      this.head.append(this.#readout = make("output", { class: "say" }));
      // Another face has other heights.
      document.fonts.addEventListener("loadingdone", () => (this.#readout.style.minHeight = ""));
    }
    this.#readout.replaceChildren(...content.map(local));
    this.#frame ??= requestAnimationFrame(() => this.#keepHeight());
  }

  // The readout keeps the height of its longest sentence, so that what is below moves once.
  // It is measured with the frame: between sentences that would cost a layout each.
  #keepHeight() {
    this.#frame = null;
    const { style } = this.#readout;
    const { width } = this.#readout.getBoundingClientRect();
    if (width !== this.#width) style.minHeight = "";
    this.#width = width;
    style.minHeight = `${this.#readout.getBoundingClientRect().height}px`;
  }

  // The same in few words at the pointer; without words it is hidden.
  tip({ clientX, clientY }, ...content) {
    const card = this.head.parentNode;
    if (!this.#tip) card.append(this.#tip = make("div", { class: "tip", "aria-hidden": "true" }));
    this.#tip.hidden = !content.length;
    this.#tip.replaceChildren(...content.map(local));
    if (!content.length) return; // a place for it costs a layout
    const { x, y, width } = card.getBoundingClientRect();
    const left = Math.min(clientX - x + 14, width - this.#tip.offsetWidth - 8);
    this.#tip.style.cssText = `left: ${Math.max(left, 8)}px; top: ${clientY - y - 38}px`;
  }
}

// A word of the text, in the colour of its role: query, key, value, plus or minus.
export const word = (text, role = "word") => make("b", { class: role }, visible(text));

// A probability, small ones with two digits.
export const share = (p) => (p === 0 ? "0" : p < 0.001 ? p.toExponential(1) : p.toFixed(3));

// The last line of a card: a note, and a menu of buttons. What a button did, `done` says.
export const foot = (note, ...buttons) => {
  const summary = make("summary", { "aria-label": "Save or copy", title: "Save or copy",
    onclick: () => addEventListener("pointerdown", away) }, "…");
  const close = () => {
    menu.open = false;
    removeEventListener("pointerdown", away);
  };
  const away = (event) => event.composedPath().includes(menu) || close();
  const menu = make("details", { class: "menu",
    onfocusout: ({ relatedTarget: to }) => to && !menu.contains(to) && close(),
    onkeydown: ({ key }) => key === "Escape" && (summary.focus(), close()),
    onclick: ({ target }) => target.localName === "button" && (summary.focus(), close()) },
  summary, make("div", {}, ...buttons));
  return make("div", { class: "foot" }, make("p", { class: "note" }, note),
    make("output", { class: "done" }), menu);
};

// The opacity of the colour of weights, for a number from 0 to 1; even zero is visible.
export const opacity = (value) => 0.06 + 0.94 * Math.min(Math.max(value, 0), 1);

// The ink that is legible on it, light and dark: between these opacities, black.
const MIDDLE = { weight: [0.55, 0.87], plus: [0.62, 0.78], minus: [0.58, 0.89] };
export const on = (value, role = "weight") => {
  const [low, high] = MIDDLE[role];
  return `var(--on-${opacity(value) > high ? "hi" : opacity(value) > low ? "mid" : "lo"})`;
};

// The style of a cell with text.
export const wash = (value, role = "weight") => `background: color-mix(in srgb, var(--${role}) ${
  (100 * opacity(value)).toFixed(1)}%, var(--raised)); color: ${on(value, role)}`;

// Fill a node with one pixel per number from 0 to 1; what is below zero or NaN stays blank. The
// pixels are a mask: the colour behind it is the page's, light, dark or on paper.
export const tint = (node, values, width) => {
  const source = make("canvas", { width, height: values.length / width });
  const image = new ImageData(width, source.height);
  values.forEach((value, i) => value >= 0 && (image.data[4 * i + 3] = Math.round(255 * opacity(value))));
  source.getContext("2d").putImageData(image, 0, 0);
  node.classList.add("heat");
  node.style.maskImage = `url(${source.toDataURL()})`;
  return Object.assign(node, { source });
};

// Numbers from -1 to 1, in the colours of plus and minus.
export const signed = (values, width, attributes) => make("div", { class: "signed", ...attributes },
  ...[1, -1].map((sign) => tint(make("div"), values.map((x) => (x * sign < 0 ? NaN : x * sign)), width)));

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
  const shown = make("span", { class: "number" });
  const update = () => {
    shown.textContent = show(+input.value);
    input.style.setProperty("--at", `${100 * (input.value - min) / (max - min || 1)}%`);
  };
  const input = make("input", { type: "range", min, max, step, value, "aria-label": label,
    oninput: () => {
      update();
      changed(+input.value);
    } });
  update();
  return make("label", {}, label, input, shown);
};

// One of a few names, side by side.
export const steps = (label, names, value, changed) => {
  const buttons = names.map((name) => make("button", { value: name, "aria-pressed": String(name === value),
    onclick: () => {
      for (const button of buttons) button.ariaPressed = button.value === name;
      changed(name);
    } }, name));
  return make("div", { class: "steps", role: "group", "aria-label": label }, ...buttons);
};

// A switch that says its state; `set` brings it to another.
export const toggle = (label, [on, off], changed) => {
  const button = make("button", { role: "switch", onclick: () => changed(button.ariaChecked !== "true") });
  button.set = (value) => {
    button.ariaChecked = value;
    button.textContent = local(value ? on : off);
    button.ariaLabel = `${local(label)}: ${button.textContent}`;
  };
  return button;
};

// A weight as a sentence; below zero is a key that comes later.
export const describe = (tokens, query, key, weight) => {
  const q = [`query ${query} `, word(tokens[query], "query")], k = [`key ${key} `, word(tokens[key], "key")];
  return weight < 0 ? [...q, " can’t attend to ", ...k, ": masked, since it comes later"]
    : [...q, " attends to ", ...k, " with weight ", make("b", { class: "number" }, weight.toFixed(4))];
};

export const clamp = (at, sizes) => at.map((x, i) => Math.min(Math.max(x, 0), sizes[i] - 1));

// The row and column under the pointer, in a box of `sizes`.
export const under = ({ clientX, clientY }, box, sizes) => {
  const { x, y, width, height } = box.getBoundingClientRect();
  return clamp([(clientY - y) / height, (clientX - x) / width].map((at, i) =>
    Math.floor(at * sizes[i])), sizes);
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
    return make("button", { onpointerenter: chosen == null && looked, onfocus: looked,
      onclick: looked, onkeydown: (event) => {
        const [, to] = moved(event, [0, i], [1, tokens.length]);
        if (to !== i) buttons[to].focus();
      } }, visible(token));
  });
  mark(chosen ?? 0);
  return make("div", { class: "strip", role: "group", "aria-label": label }, ...buttons);
};
