// One head: its attention map, a switch that ablates it, and what it writes.
import { describe, make, steps, toggle, under, visible } from "./core.js";
import { MAP, map } from "./map.js";
import { term } from "./model_terms.js";

export const headPart = (x) => {
  const at = [make("span"), make("span")];
  const title = make("h2", {}, "Layer ", at[0], ", ", term("head"), " ", at[1]);
  const go = (label, layers, heads, name) => make("button", { "aria-label": name, onclick: () => x.choose(x.layer + layers, x.head + heads) }, label);
  const moves = make("span", { class: "nav" }, go("←", -1, 0, "Previous layer"), go("→", 1, 0, "Next layer"),
    go("↑", 0, -1, "Previous head"), go("↓", 0, 1, "Next head"));
  const ablate = toggle("This head", ["on", "ablated"], () => x.toggle(x.layer, x.head));
  const says = make("output", { class: "says" });
  const large = make("div", { class: "large", role: "region", "aria-label": "Attention map: move with the arrow keys" });
  const writes = make("p", { class: "writes" });
  const arcs = steps("What the arcs in the text show", ["weights", "weight × length of value", "contribution"], "weights", (name) => {
    x.arc = name;
    x.show();
  });
  const node = make("section", { class: "head-card" }, make("div", { class: "top" }, title, moves, ablate), says, large, writes, make("div", { class: "arcs-choice" }, make("span", { class: "soft" }, "arcs"), arcs));
  let chart, drawn, values, key = 0;

  const tell = (q, k) => {
    const weight = x.row(x.layer, x.head, q)?.[k];
    says.replaceChildren(...(weight == null ? [x.busy ?? ""] : [...describe(x.tokens.map(({ name }) => name), q, k, weight), ...sum(q, k)]));
  };
  // A weight as what it is computed from: the scores of its query, and their softmax.
  const sum = (q, k) => {
    const { scores } = x;
    if (q !== x.q || scores?.length !== q + 1) return [];
    const most = Math.max(...scores);
    const total = scores.reduce((all, score) => all + Math.exp(score - most), 0);
    const score = scores[k].toFixed(2).replace("-", "−");
    return [` = e^(${score} − ${most.toFixed(2).replace("-", "−")}) / ${total.toFixed(2)}; the score ${score} is query · key / √d_head`];
  };
  const strongest = (q) => {
    const row = x.row(x.layer, x.head, q) ?? [0];
    return row.indexOf(Math.max(...row));
  };
  const point = (q, k = strongest(q), event) => {
    if (k > q) k = q;
    if (!event && q !== x.q) {
      key = k;
      return x.look(q);
    }
    key = event ? key : k;
    chart.mark(q, k);
    tell(q, k);
  };
  const rebuild = () => {
    const names = x.tokens.map(({ name }) => name);
    drawn = `${names} ${large.clientWidth}`;
    chart = map(names, names.length, { at: () => [x.q, key], point });
    values = null;
    chart.svg.addEventListener("click", (event) => {
      const [q] = under(event, chart.node.querySelector(".cells"), [names.length, names.length]);
      x.look(q);
    });
    large.replaceChildren(chart.node);
    chart.layout(large.clientWidth, names.length > 24 ? 420 : 270);
  };
  new ResizeObserver(() => drawn && large.clientWidth && !drawn.endsWith(` ${large.clientWidth}`) && show()).observe(large);

  const show = () => {
    const { layer, head, tokens, engine } = x;
    [layer, head].forEach((number, i) => (at[i].textContent = number));
    [...moves.children].forEach((button, i) => (button.disabled =
      [layer === 0, layer === engine.layers - 1, head === 0, head === engine.heads - 1][i]));
    const off = x.off[layer].includes(head);
    ablate.set(!off);
    ablate.disabled = !engine.ready;
    if (!tokens.length) {
      drawn = "";
      for (const part of [large, says, writes]) part.replaceChildren();
      return;
    }
    if (drawn !== `${tokens.map(({ name }) => name)} ${large.clientWidth}`) rebuild();
    const now = Float64Array.from(tokens.flatMap((_, q) => {
      const row = x.row(layer, head, q);
      return tokens.map((_, k) => (row && k <= q ? row[k] : NaN));
    }));
    // Its cells fade in: only when they are others.
    if (!values || now.some((value, i) => !Object.is(value, values[i]))) chart.show(values = now, now);
    key = strongest(x.q);
    chart.mark(x.q, key);
    tell(x.q, key);
    const words = x.written?.map(([id]) => x.engine.name(id)) ?? [];
    for (const button of arcs.children) {
      button.disabled = !x.lengths && button.value !== "weights";
      button.ariaPressed = button.value === x.arc;
    }
    writes.replaceChildren(...(off ? ["Ablated: it writes nothing."] : words.length && x.written[0][1] < 0.1 ? ["Directly, it raises no logit by more than 0.1; it may act through later layers."] : words.length ? ["Directly, it raises most the logits of ",
      ...[...new Set(words.map((name) => name.replace(/^␣(?=.)/u, "")))].slice(0, 4).flatMap((name, i) => [i ? ", " : "", make("em", {}, visible(name))]), "."] : []));
  };
  return { node, show };
};

export const HEAD = `${MAP}
.head-card [role="switch"] { width: 90px; } .head-card .large { min-height: 220px; }
.nav { display: inline-flex; gap: 2px; } .nav button { width: 28px; min-height: 28px; padding: 0; border-radius: 7px; border-color: var(--line); }
.arcs-choice { display: flex; gap: 8px; align-items: center; margin-top: 4px; font-size: 13px; } .arcs-choice button { font-size: 13px; min-height: 26px; }
.writes { margin-top: 6px; min-height: 24px; color: var(--soft); font-size: 13px; } .writes em { font: italic 16px var(--serif); color: var(--ink); }
@container (max-width: 560px) { .head-card .top h2 { flex-basis: 100%; } .head-card .nav { margin-right: auto; } .nav button { width: 40px; min-height: 40px; } .arcs-choice button { min-height: 40px; } .writes { min-height: 48px; } }`;
