// The whole model in one drawing: a tile for each head and MLP, layer by layer, and below them
// the residual stream, with the word that each layer would predict.
import { draw, fill, make, moved, on, opacity, share, steps, visible, word } from "./core.js";
import { within } from "./model_state.js";
import { term } from "./model_terms.js";
import { signedText } from "./model_words.js";

// In the units of the drawing. Where WIDE would be drawn too small to read, these are pixels.
const [LEFT, WIDE, LEAST, TOP, TALL] = [46, 1212, 1110, 6, 14.4];
const STREAM = 40;
const MODES = { attention: "attention", contribution: "direct contribution", effect: "effect of zero ablation" };
const text = (x, y, content, more) => draw("text", { transform: `translate(${x} ${y})`, "font-size": 12, class: "soft", ...more }, content);
const short = (name) => (name.length > 6 ? `${name.slice(0, 5)}…` : name);

export const wholePart = (x) => {
  const says = make("output", { class: "says" });
  const modes = steps("What the colour of a tile shows", Object.values(MODES), MODES.attention, (name) => {
    Object.assign(x, { mode: Object.keys(MODES).find((mode) => MODES[mode] === name), held: false });
    x.show();
  });
  const restore = make("button", { class: "restore", onclick: () => x.restore(), title: "Heads stay ablated when the text changes." }, "Turn all heads on");
  const measure = make("button", { onclick: () => {
    x.tryAll();
    svg.focus();
  } });
  const svg = draw("svg", { role: "img", tabindex: 0, class: "all",
    "aria-label": "All heads: a column per layer; press or drag, or move with the arrow keys; ablate with Enter",
    onkeydown: (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        return x.engine.ready && x.toggle(x.layer, x.head);
      }
      const [head, layer] = moved(event, [x.head, x.layer], [x.engine.heads, x.engine.layers]);
      if (head !== x.head || layer !== x.layer) x.choose(layer, head);
    },
    onclick: (event) => pick(event),
    onpointerdown: ({ clientX, clientY }) => (from = [clientX, clientY]),
    onpointermove: (event) => {
      const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
      // A finger that moves up or down scrolls the page.
      if (event.buttons && Math.abs(dx) > Math.max(5, Math.abs(dy))) (from = [-1e9, 0]), pick(event);
      else if (event.target.dataset.layer) tell(+event.target.dataset.layer, +event.target.dataset.head);
    },
    onpointerleave: () => tell() });
  const detail = make("output", { class: "detail" });
  const legend = make("p", { class: "legend" }, "Columns are layers: a tile for each ", term("head"), ", one for the ", term("MLP", "MLP"),
    ". Colours: ", term("attention-weight", "attention weights"), ", ", term("direct-logit-attribution", "direct contributions"), ", or effects of ", term("zero-ablation"),
    ". Curve: the ", term("residual-stream"), " through the ", term("logit-lens"), ".");
  const node = make("section", { class: "whole" }, make("div", { class: "top" }, make("h2", {}, "The whole model"), says, measure, restore, modes), svg, detail, legend);
  let cell, tiles, column, stream, shown, width, wide, from = [0, 0];

  // The layer and head at a pointer; beside the heads' tiles, the layer alone.
  const pick = ({ clientX, clientY }) => {
    const box = svg.getBoundingClientRect();
    const [across, down] = [clientX - box.x, clientY - box.y].map((at) => at * width / box.width);
    const head = Math.floor((down - TOP) / TALL);
    const layer = within(Math.floor((across - LEFT) / cell), x.engine.layers);
    const to = [layer, head >= 0 && head < x.engine.heads ? head : x.head];
    if (across >= LEFT && `${to}` !== `${[x.layer, x.head]}`) x.choose(...to);
  };

  const build = () => {
    const { layers, heads } = x.engine;
    shown = x.engine;
    wide = svg.clientWidth >= LEAST;
    width = wide ? WIDE : svg.clientWidth || 340;
    cell = Math.min(180, (width - LEFT - (wide ? 24 : 4)) / layers);
    const middle = (i) => TOP + i * TALL + 11;
    const labels = Array.from({ length: heads }, (_, i) => text(LEFT - 6, middle(i), i, { "text-anchor": "end" }));
    const below = TOP + (heads + 1) * TALL;
    const every = cell < 60 ? 5 : 1;
    const numbers = Array.from({ length: layers }, (_, l) => (l % every && l !== layers - 1 ? [] : [
      text(LEFT + (l + 0.5) * cell, below + 12, `${l ? "" : "layer "}${l}`, { "text-anchor": "middle" })])).flat();
    column = draw("rect", { y: TOP - 4, width: cell, height: below + STREAM + (wide ? 72 : 40) - TOP, rx: 6, class: "column" });
    const tile = (layer, head) => {
      const at = { x: LEFT + layer * cell + 1, y: TOP + head * TALL, width: cell - 3, height: TALL - 2, rx: 3 };
      const parts = { ground: draw("rect", { ...at, class: "ground", "data-layer": layer, "data-head": head }),
        value: draw("rect", { ...at, class: "tile" }),
        mark: draw("path", { class: "mark" }), at,
        stroke: draw("path", { class: "off", d: `M${at.x + 3} ${at.y + TALL - 4}L${at.x + cell - 6} ${at.y + 2}` }) };
      return parts;
    };
    tiles = Array.from({ length: layers }, (_, l) => Array.from({ length: heads + 1 }, (_, h) => tile(l, h)));
    stream = draw("g");
    const height = below + STREAM + (wide ? 74 : 42);
    fill(svg, { viewBox: `0 0 ${width} ${height}` });
    svg.replaceChildren(text(0, middle(0), "head"), ...labels, text(LEFT - 6, middle(heads), "MLP", { "text-anchor": "end" }),
      column, ...tiles.flat().flatMap(({ ground, value, mark, stroke }) => [ground, value, mark, stroke]), ...numbers, stream);
  };

  // What a tile shows: a number, and how strong its colour is.
  const value = (layer, head) => {
    const { mode, seen, sweep, engine } = x;
    const isHead = head < engine.heads;
    if (mode === "attention") return isHead ? [x.strongest(layer, head)?.[0], 1] : [];
    if (mode === "effect") return isHead ? [sweep?.effects[layer][head]?.[0], 1.7] : [];
    const part = seen?.contributions?.layers[layer];
    return part ? [isHead ? part.heads[head] : part.mlp, 2.5] : [];
  };

  // A tile in words.
  const name = (layer, head) => {
    const { mode, engine, tokens } = x;
    const [found] = value(layer, head);
    const title = head < engine.heads ? `Layer ${layer}, head ${head}: ` : `The MLP of layer ${layer}: `;
    if (found == null) return [title, mode === "effect" ? "not measured yet." : "no value."];
    if (mode === "attention") {
      const [weight, k] = x.strongest(layer, head);
      return [title, word(tokens[x.q].name, "query"), " attends to ", word(tokens[k].name, "key"), ` with weight ${weight.toFixed(2)}.`];
    }
    return mode === "effect" ? [title, "ablated, log p of ", word(x.answer[0]), ` changes by ${signedText(found)} nats.`]
      : [title, `adds ${signedText(found)} to the logit difference of `, word(x.answer[0]), " and ", word(x.answer[1]), "."];
  };

  const tell = (layer, head) => {
    const { mode, seen } = x;
    if (layer != null) return says.replaceChildren(...name(layer, head));
    if (!seen) return says.replaceChildren(x.busy ?? "");
    if (mode === "attention") return says.replaceChildren("Strong: ", word(x.tokens[x.q].name, "query"),
      " attends to one token other than the first. Pale: to the first, or to many.");
    if (mode === "contribution") {
      const { embedding, layers, rest = 0 } = seen.contributions;
      const heads = layers.reduce((sum, each) => sum + each.heads.reduce((a, b) => a + b), 0);
      const mlps = layers.reduce((sum, each) => sum + each.mlp, 0);
      return says.replaceChildren("Logit of ", word(x.answer[0]), " − ", word(x.answer[1]), ": ",
        `${signedText(embedding)} embedding ${signedText(heads)} heads ${signedText(mlps)} MLPs`,
        rest ? ` ${signedText(rest)} biases` : "", ` = ${signedText(embedding + heads + mlps + rest)}`);
    }
    return says.replaceChildren(...(x.sweep ? ["Violet: ablated, log p of ", word(x.answer[0]), " falls. Orange, +: it rises. Strongest at 1.7 nats or more (square-root scale)."]
      : ["Not measured yet: each head has to be ablated once."]));
  };

  const show = () => {
    if (shown !== x.engine || svg.clientWidth && wide !== svg.clientWidth >= LEAST || !wide && svg.clientWidth && width !== svg.clientWidth) build();
    for (const button of modes.children) button.ariaPressed = button.value === MODES[x.mode];
    const { layers, heads } = x.engine;
    restore.hidden = !x.namedOff();
    measure.hidden = x.mode !== "effect" || !!x.sweep;
    measure.disabled = !x.seen || !x.engine.ready;
    measure.textContent = `Try all ${layers * heads} heads`;
    fill(column, { x: LEFT + x.layer * cell - 0.5 });
    tiles.forEach((row, layer) => row.forEach(({ value: tile, mark, stroke, at }, head) => {
      const [found, most] = value(layer, head);
      const strength = Math.min(1, Math.sqrt(Math.abs(found ?? 0) / most));
      const plus = x.mode === "effect" ? found < 0 : found > 0;
      const role = x.mode === "attention" ? "weight" : plus ? "plus" : "minus";
      fill(tile, { fill: `var(--${role})`, "fill-opacity": found == null ? 0
        : x.mode === "attention" ? Math.max(0.05, found).toFixed(2) : Math.max(0.04, strength).toFixed(2) });
      // Not by colour alone: a minus where a part lowers the difference, a plus where the answer
      // is better off without the head.
      const cross = x.mode === "effect" ? `M${at.x + cell / 2 - 1.5} ${at.y + 2.7}v7` : "";
      mark.setAttribute("d", role === "minus" && strength > 0.15 ? `M${at.x + cell / 2 - 5} ${at.y + 6.2}h7${cross}` : "");
      stroke.style.display = head < heads && x.off[layer].includes(head) ? "" : "none";
      tile.classList.toggle("chosen", layer === x.layer && head === x.head);
    }));
    flow(layers, heads);
    spell();
    tell();
  };

  // The rank of the answer after each layer, on a logarithmic scale, and the most likely words.
  const flow = (layers, heads) => {
    const { seen } = x;
    if (!seen) return stream.replaceChildren();
    const top = TOP + (heads + 1) * TALL + 32;
    const high = (rank) => top + STREAM * Math.log(rank) / Math.log(x.engine.vocabulary);
    const at = (i) => LEFT + i * cell - 0.5;
    const line = seen.lens.map(({ rank }, i) => `${at(i)} ${high(rank).toFixed(1)}`).join("L");
    const step = cell < 60 ? cell - 2 : 2 * LEFT - 4;
    // Narrower columns have no room for words: the chosen one is spelled out below.
    const words = !wide ? [] : seen.lens.flatMap(({ best: [[id, , p]] }, i) => {
      const name = x.engine.name(id);
      const y = top + STREAM + 8;
      const box = { x: at(i) - step / 2, y, width: step, height: 24, rx: 4 };
      const title = draw("title", {}, `${i ? `after layer ${i - 1}` : "embedding"}: ${name} ${share(p)}`);
      return [draw("g", {}, title, draw("rect", { ...box, class: "ground" }),
        draw("rect", { ...box, fill: "var(--weight)", "fill-opacity": opacity(p).toFixed(2) }),
        text(at(i), y + 16, visible(short(name.replace(/^␣(?=.)/u, ""))), { class: "word", "text-anchor": "middle", "font-size": name.length > 6 ? 11.5 : 12.5,
          style: `fill: ${on(p)}` }))];
    });
    const [first, last] = [seen.lens[0].rank, seen.lens.at(-1).rank];
    stream.replaceChildren(
      draw("path", { d: `M${line}V${top + STREAM}H${at(0)}z`, class: "area" }), draw("path", { d: `M${line}`, class: "path" }),
      wide && cell < 60 ? text(0, top + STREAM + 24, "lens") : "",
      ...(wide ? [layers] : [layers, x.layer + 1]).map((i) => draw("circle", { cx: at(i), cy: high(seen.lens[i].rank), r: 4, fill: "var(--weight)" })),
      text(at(0), top - 6, visible(`rank of ${x.answer[0]} (log scale): ${first.toLocaleString("en")}`), { class: "soft halo" }),
      wide ? text(at(layers) + 8, high(last) + 4, last.toLocaleString("en"), { class: "" })
        : text(at(layers) + 4, top - 6, last.toLocaleString("en"), { class: "halo", "text-anchor": "end" }), ...words);
  };

  const spell = () => {
    const { seen, layer, answer, engine } = x;
    detail.hidden = wide;
    if (wide || !seen) return detail.replaceChildren();
    const { best: [[id, , p]], rank } = seen.lens[layer + 1];
    detail.replaceChildren(...name(layer, x.head), " After the layer, the lens says ", word(engine.name(id)), ` ${share(p)}; `, word(answer[0]), ` has rank ${rank.toLocaleString("en")}.`);
  };

  new ResizeObserver(() => x.show()).observe(node);
  return { node, show };
};

export const WHOLE = `
.all { display: block; width: 100%; height: auto; touch-action: pan-y; user-select: none; }
.detail { min-height: 4.4em; margin-top: 4px; font-size: 13px; } .whole .legend { margin-top: 4px; }
.all:focus-visible { outline-offset: -2px; border-radius: 6px; }
.column { fill: var(--mark-wash); } .ground { fill: var(--sunk); cursor: pointer; } .ground:hover { stroke: var(--ink); stroke-width: 1.5; }
.tile { pointer-events: none; } .tile.chosen { stroke: var(--ink); stroke-width: 2; }
.mark, .off { stroke: var(--ink); pointer-events: none; fill: none; } .off { stroke-width: 2; }
.area { fill: var(--weight); fill-opacity: .12; } .path { fill: none; stroke: var(--weight); stroke-width: 2.4; stroke-linejoin: round; }
.halo { paint-order: stroke; stroke: var(--raised); stroke-width: 3px; stroke-linejoin: round; }`;
