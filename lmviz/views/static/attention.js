import { choice } from "./choice.js";
import { View, define, describe, draw, fill, foot, local, make, opacity } from "./core.js";
import { steps, strip, wash, word } from "./core.js";
import { MAP, map } from "./map.js";
import { mosaic } from "./mosaic.js";
import { copier, saver } from "./save.js";
import { Weights } from "./weights.js";

// How strong the colour of a weight is, and evenly spaced ticks of the colour bar, as in _svg.py.
const SCALES = {
  linear: [(w) => w, 0, 0.25, 0.5, 0.75, 1],
  log1p: [(w) => Math.log1p(w) / Math.LN2, 0, 0.19, 0.41, 0.68, 1],
  log: [(w) => (w > 1e-4 ? 1 + Math.log10(w) / 4 : 0), "≤0.0001", 0.001, 0.01, 0.1, 1],
};
const WHAT = ["one head", "mean over heads of the layer", "maximum over heads of the layer",
  "mean over all heads", "maximum over all heads"];
const STEPS = ["scores", "masked", "weights"];
// More tokens than this are a text of several lines, without arcs.
const FEW = 24;
const HEIGHT = 40;
// What is left to the map, for a card of 600 pixels.
const TALL = 408;

const number = (x) => (Math.abs(x) < 1e4 && Math.abs(x) >= 0.005 ? x.toFixed(2) : x ? x.toExponential(1) : "0")
  .replace("-", "−");

const build = async (view, root, data) => {
  const { tokens, scores, note } = data;
  const weights = new Weights(data);
  const { layers, heads, queries, keys, offset, numbers } = weights;
  const single = layers * heads === 1; // which needs no name
  const state = (view.state = { layer: 0, head: 0, what: WHAT[0], query: queries - 1, key: null,
    scale: data.scale, step: STEPS[2] });
  const fraction = (w) => (w < 0 ? NaN : SCALES[state.scale][0](w));
  const row = (query) => view.matrix.values.subarray(query * keys, (query + 1) * keys);
  const most = (query) => row(query).indexOf(Math.max(...row(query)));
  // What the step shows of a query and a key: later keys have a score, too, until they are masked.
  const scored = () => scores && state.what === WHAT[0] && state.step !== STEPS[2];
  const score = (query, key) =>
    scores.values[((state.layer * heads + state.head) * queries + query) * keys + key];
  const hidden = (query, key) => row(query)[key] < 0;

  const tiles = mosaic(weights, { fraction, at: () => [state.layer, state.head],
    pick: (layer, head) => show({ layer, head, what: state.what.replace(/.* all heads/, WHAT[0]) }),
    point: (event, layer, head) => {
      if (!event) return point(state.query, state.key);
      const [q, k, weight] = weights.strongest(layer * heads + head);
      const name = `Layer ${numbers[layer]}, head ${head}`;
      view.tip(event, name);
      if (k < 0) return view.say(name, ".");
      // One line: a second would move the tile from under the pointer.
      view.say(`${name}, off the diagonal and first column: `, word(tokens[q], "query"), " → ", word(tokens[k], "key"),
        ` ${weight.toFixed(2)}. Press to choose it.`);
    } });

  const chart = map(tokens, queries, { at: () => [state.query, state.key],
    point: (query, key = most(query), event) => point(query, key, event) });

  // A token of the strip becomes the query; the key is the one that it attends to most.
  const line = strip("Tokens, coloured by the attention weights of the query", tokens, (i) =>
    i < offset || point(i - offset, most(i - offset)));
  const arcs = keys > FEW ? null : draw("svg", { "aria-hidden": "true", height: HEIGHT });
  const text = make("div", { class: arcs ? "wide text" : "text long" }, make("div", {}, arcs ?? "", line));

  const arc = (query) => {
    const middles = [...line.children].map((button) => button.offsetLeft + button.offsetWidth / 2);
    const from = middles[query + offset];
    fill(arcs, { width: line.scrollWidth });
    arcs.replaceChildren(...Array.from(row(query), (weight, key) => {
      if (!(weight > 0.015)) return "";
      const more = { stroke: "var(--weight)", "stroke-opacity": (0.35 + 0.65 * weight).toFixed(2),
        "stroke-width": (1 + 6 * weight).toFixed(1), "stroke-linecap": "round", fill: "none" };
      if (key === query + offset) return draw("circle", { ...more, cx: from, cy: HEIGHT - 6, r: 2 });
      const to = middles[key];
      const rise = Math.min(HEIGHT * 1.15, 14 + Math.abs(to - from) / 7);
      return draw("path", { ...more, d: `M${from} ${HEIGHT - 2}C${from} ${HEIGHT - rise} ${to} ${HEIGHT - rise} ${to} ${HEIGHT - 2}` });
    }));
    // Where not all words fit, the query is kept in sight, and the key if it is near enough.
    const [wide, to] = [text.clientWidth, middles[state.key]];
    const ends = [Math.min(from, to), Math.max(from, to)];
    if (ends[0] - 40 < text.scrollLeft || ends[1] + 40 > text.scrollLeft + wide)
      text.scrollLeft = Math.max(from - wide + 50, Math.min(from - 50, (from + to - wide) / 2));
  };

  // How the number in hand comes about.
  const sum = make("div", { class: "sum" });
  const explain = (query, key) => {
    const [term, power] = scores && state.what === WHAT[0] ? [score(query, key)] : [];
    if (term === undefined)
      return [state.what.startsWith("max") ? "A row of maxima can sum to more than 1." : "Each row sums to 1."];
    if (state.step === STEPS[0]) return ["Scaled dot product of query and key:", make("b", {}, number(term))];
    if (hidden(query, key)) return ["Later keys are masked: score −∞, weight 0."];
    if (state.step === STEPS[1]) return ["Visible keys keep their scores:", make("b", {}, number(term))];
    const kept = Array.from({ length: keys }, (_, k) => (hidden(query, k) ? -Infinity : score(query, k)));
    const shift = Math.max(...kept);
    const powers = kept.map((x) => Math.exp(x - shift));
    return [shift > 20 ? "Softmax, with the largest score subtracted:" : "Softmax of the row:",
      ...(shift > 20 ? [powers[key], powers.reduce((a, b) => a + b)] : [Math.exp(term), powers.reduce((a, b) => a + b) * Math.exp(shift)])
        .map((x, i) => make("span", {}, i ? `÷ ${number(x)} (sum of the row)` : `exp(${number(shift > 20 ? term - shift : term)}) = ${number(x)}`)),
      make("b", {}, `= ${row(query)[key].toFixed(2)}`)];
  };

  // The heads that attend most from the query in hand to the key in hand.
  const best = Array.from({ length: Math.min(3, layers * heads) }, (_, i) => make("button", { onclick: () => {
    const [layer, head] = weights.ranked(state.query, state.key, i + 1)[i];
    show({ layer, head, what: WHAT[0] });
  } }));
  const ranking = make("div", { class: "ranking", role: "group", "aria-label": "Heads with the largest weight here" },
    make("div", {}, "strongest heads here"), ...best);
  const rank = (query, key) => {
    const found = weights.ranked(query, key, best.length);
    ranking.hidden = single || !found.length;
    found.forEach(([layer, head, weight], i) => {
      const shown = weight.toFixed(2);
      best[i].ariaLabel = local(`Layer ${numbers[layer]}, head ${head}, weight ${shown}`);
      best[i].ariaCurrent = state.what === WHAT[0] && layer === state.layer && head === state.head;
      best[i].replaceChildren(local(`layer ${numbers[layer]}, head ${head}`), make("b", { class: "number" }, shown));
    });
  };

  const point = (query, key, event) => {
    Object.assign(state, { query, key });
    chart.mark(query, key);
    [...line.children].forEach((button, k) => {
      const strength = fraction(row(query)[k] ?? -1);
      button.style.cssText = isNaN(strength) ? "" : wash(strength);
      button.ariaCurrent = k === query + offset;
      button.classList.toggle("key-now", k === key);
    });
    if (arcs) arc(query);
    sum.replaceChildren(...explain(query, key).map(local));
    rank(query, key);
    const name = view.shown && `${view.shown}: `;
    const weight = row(query)[key];
    if (scored() && !(state.step === STEPS[1] && weight < 0)) {
      view.say(`${name}query ${query + offset} `, word(tokens[query + offset], "query"), ` and key ${key} `,
        word(tokens[key], "key"), " have the score ", make("b", {}, number(score(query, key))));
    } else view.say(name, ...describe(tokens, query + offset, key, weight));
    if (!event || event.pointerType === "touch") return view.tip({});
    view.tip(event, word(tokens[query + offset], "query"), " → ", word(tokens[key], "key"), " ",
      scored() ? number(score(query, key)) : weight < 0 ? "masked" : weight.toFixed(2));
  };

  const legend = make("div", { class: "legend" });
  const bar = (name, style, ticks) => legend.replaceChildren(make("div", {}, name),
    make("div", { class: "bar", style }), make("div", { class: "ticks" }, ...ticks.map((tick) => make("span", {}, String(tick)))));

  const paint = () => {
    view.fractions = Float64Array.from(view.matrix.values, fraction);
    if (!scored()) {
      const ticks = SCALES[state.scale].slice(1);
      bar(`weight, ${state.scale} scale`, "", [ticks[0], ticks[2], ticks[4]]);
      return chart.show(view.matrix.values, view.fractions);
    }
    const all = Array.from(view.matrix.values, (w, i) =>
      (state.step === STEPS[1] && w < 0 ? NaN : score(Math.floor(i / keys), i % keys)));
    const largest = Math.max(...all.map((x) => Math.abs(x) || 0)) || 1;
    view.fractions = Float64Array.from(all, (x) => x / largest);
    bar("score", "background: linear-gradient(90deg, var(--minus), var(--raised), var(--plus))",
      [number(-largest), 0, number(largest)]);
    chart.show(all, view.fractions, true);
  };

  const show = (change) => {
    Object.assign(state, change);
    const { layer, head, what } = state;
    picked.control.value = what;
    const one = what === WHAT[0];
    const every = what.endsWith("all heads");
    const [top, left] = [every ? 0 : layer, one ? head : 0];
    const [down, right] = [every ? layers : 1, one ? 1 : heads];
    const [fold] = what.split(" ");
    const many = `${local(fold)} over ${down * right} heads (not a single head)`;
    view.shown = single ? "" : local(one ? `layer ${numbers[layer]}, head ${head}`
      : every ? `all layers, ${many}` : `layer ${numbers[layer]}, ${many}`);
    unfold.hidden = !scores || !one;
    colours.hidden = scored();
    view.matrix = { values: weights.fold(top * heads + left, down * right, fold === "mean"), shape: [queries, keys] };
    tiles.mark(top, left, down, right);
    paint();
    point(state.query, state.key ?? most(state.query));
  };

  const table = () => [`${root.ariaLabel} ${view.shown}`, [["query \\ key", ...tokens], ...tokens.slice(offset).map((token, q) =>
    [token, ...Array.from(row(q), (weight) => (weight < 0 ? "" : weight.toFixed(4)))])]];

  // A copy has its name and its colour bar, and nothing of the pointer.
  const drawing = () => [`${root.ariaLabel} ${view.shown}${scored() ? ` ${state.step}` : ""}`, chart.svg, (svg) => {
    svg.lastChild.remove();
    svg.querySelectorAll("[visibility]").forEach((word) => word.removeAttribute("visibility"));
    const [wide, high] = ["width", "height"].map((side) => +svg.getAttribute(side));
    const whole = draw("g", { transform: "translate(8 66)" }, chart.squares(view.fractions), ...svg.childNodes);
    const write = (x, y, content, more) => draw("text", { x, y, "font-size": 11, ...more }, content);
    const ends = scored() ? [...legend.lastChild.children].map((tick) => tick.textContent) : SCALES[state.scale].slice(1);
    svg.append(write(8, 16, view.shown || root.ariaLabel, { "font-weight": 600 }),
      write(8, 34, scored() ? `colour: ${state.step}` : `colour: weight, ${state.scale} scale`),
      ...Array.from({ length: 50 }, (_, i) => {
        const at = scored() ? i / 24.5 - 1 : i / 49;
        return draw("rect", { x: 8 + 4 * i, y: 40, width: 4, height: 8, "fill-opacity": opacity(Math.abs(at)).toFixed(3),
          fill: !scored() ? "#0b6e70" : at < 0 ? "#b8420e" : "#5140b3" });
      }),
      ...ends.map((tick, i) => write(8 + (200 * i) / (ends.length - 1), 60, tick, { "text-anchor": i ? "middle" : "start" })), whole);
    fill(svg, { width: Math.max(wide + 16, 340), height: high + 80 });
  }];

  const picked = choice("show", WHAT, state.what, (what) => show({ what }));
  const colours = choice("colour", Object.keys(SCALES), state.scale, (scale) => {
    show({ scale });
    tiles.paint();
  });
  const unfold = steps("Step of the computation", STEPS, state.step, (step) => show({ step }));
  picked.hidden = tiles.node.hidden = single;
  if (single) root.querySelector(".hint").textContent = local(scores ? "Step through the computation, and point at a word or a square."
    : "Point at a word or a square.");
  root.append(text, make("div", { class: "both" }, tiles.node, chart.node,
    make("div", { class: "side" }, make("div", { class: "controls" }, picked, unfold, colours), legend, sum, ranking)),
  foot(note, copier(table), saver(drawing)));

  // Sizes follow the card's; all of it fits a screen.
  const tall = arcs ? TALL : TALL - 18;
  let width;
  const layout = () => {
    width = root.clientWidth;
    const inner = width - (width <= 560 ? 26 : 34);
    const phone = width <= 560;
    const done = tiles.layout(phone, tall, Math.min(280, inner * 0.3));
    const beside = (single ? 0 : tiles.width + 20) + (inner < 660 ? 0 : 170);
    chart.layout(phone ? inner : inner - beside, phone ? inner + 40 : tall);
    show({});
    return done;
  };
  await layout();
  document.fonts.addEventListener("loadingdone", layout); // words have another width in another face
  new ResizeObserver(() => Math.abs(root.clientWidth - width) > 1 && layout()).observe(root);
};

define("lmviz-attention", class extends View {
  static hint = "Choose a head, then point at a word or a square.";
  static css = `${MAP}
.mosaic svg { cursor: pointer; }
.both { display: flex; gap: 8px 20px; align-items: flex-start; }
.text { margin-bottom: 6px; padding: 0 3px; } .text > div { position: relative; width: max-content; padding-bottom: 4px; }
.text .strip { flex-wrap: nowrap; }
.long > div { width: auto; } .long { max-height: 106px; overflow-y: auto; padding-top: 3px; }
.long .strip { flex-wrap: wrap; } .long button { min-height: 26px; font-size: 14px; padding: 0 5px; }
.strip [aria-current="true"] { background: var(--mark) !important; border-color: var(--mark); color: #182126 !important; }
.strip .key-now:not([aria-current="true"]) { border-color: var(--key); box-shadow: inset 0 0 0 1px var(--key); }
.strip button:focus-visible { outline-offset: -3px; }
.side { flex: 1 1 150px; min-width: 0; font-size: 13px; color: var(--soft); }
.side .controls { display: grid; gap: 10px; max-width: 220px; margin: 0 0 14px; justify-items: stretch; }
.side label { display: grid; gap: 2px; color: var(--ink); font-size: 13px; } select { width: 100%; text-overflow: ellipsis; }
.side .steps { display: grid; grid-template-columns: repeat(3, auto); } .steps button { padding: 0 6px; font-size: 13px; }
.legend { max-width: 220px; }
.bar { height: 8px; margin: 3px 0 2px; border-radius: 3px; background: linear-gradient(90deg,
  color-mix(in srgb, var(--weight) 6%, var(--raised)), var(--weight)); }
.ticks { display: flex; justify-content: space-between; font-size: 11px; }
.sum { margin-top: 14px; } .sum > * { display: block; } .sum b { color: var(--ink); font-size: 18px; }
.ranking { display: grid; gap: 4px; max-width: 220px; margin-top: 14px; }
.ranking button { display: flex; justify-content: space-between; align-items: center; padding: 0 9px; font-size: 13px; white-space: nowrap; } .ranking button[aria-current="true"] { border-color: var(--ink); box-shadow: inset 0 0 0 1px var(--ink); }
@container (max-width: 693px) { .both { flex-wrap: wrap; } .side { flex-basis: 100%; display: flex; flex-wrap: wrap; gap: 10px 24px; }
  .side .controls { margin: 0; } .sum { margin: 0; } .legend { flex: 1 0 150px; } }
@container (max-width: 560px) {
  .both { display: grid; grid-template-columns: minmax(0, 1fr); }
  .mosaic { order: 2; margin: 0 -12px; padding: 0 12px; mask: linear-gradient(90deg, #0000, #000 14px calc(100% - 22px), #0000); }
  .text:not(.long) { margin: 0 -12px 6px; padding: 0 15px; mask: linear-gradient(90deg, #0000, #000 14px calc(100% - 14px), #0000); }
  .ranking { flex: 1 0 100%; max-width: none; margin: 0; }
  .side { order: 3; } .side .controls { flex: 1 0 100%; max-width: none; grid-template-columns: 1fr auto; }
  .side .steps { grid-column: 1 / -1; }
}`;

  build = (...parts) => build(this, ...parts);
});
