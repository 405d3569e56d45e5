// What a head does to the prediction: its direct contribution beside the effect of its
// ablation, on log p of the answer and on the logit difference, and the effects of all heads.
import { draw, make, word } from "./core.js";
import { term } from "./model_terms.js";
import { percent, signedText } from "./model_words.js";

const [WIDTH, MIDDLE] = [386, 300];
const text = (x, y, content, more) => draw("text", { transform: `translate(${x} ${y})`, "font-size": 12, class: "soft", ...more }, content);

export const effectsPart = (x) => {
  const title = make("h2");
  const go = make("button", { onclick: () => (x.trying ? x.stopTrying() : x.tryAll()) });
  const [big, meaning] = [make("span", { class: "number" }), make("p")];
  const svg = draw("svg", { viewBox: `0 0 ${WIDTH} 176`, role: "img", "aria-label": "The effects of all heads" });
  const about = make("p", { class: "about" });
  const list = make("div", { class: "rank", role: "group", "aria-label": "The heads with the largest effects" });
  const direct = term("direct-logit-attribution", "direct contribution");
  const heading = make("div", { class: "soft" }, make("span", {}, "head"), make("i"), make("span", {}, term("log-probability", "log p")), make("span", {}, term("logit-difference")));
  const general = make("p", { class: "about" });
  const node = make("section", { class: "verdict" }, make("div", { class: "top" }, title, go),
    make("div", { class: "big" }, big, meaning), svg, about, list, general);

  const all = () => x.sweep.effects.flatMap((row, layer) => row.flatMap((effect, head) => (effect ? [[...effect, layer, head]] : [])));

  const line = (found) => {
    const values = found.map(([e]) => e);
    const [low, high] = [Math.min(-1, ...values) * 1.08, Math.max(0.3, ...values) * 1.15];
    const at = (value) => 8 + (value - low) / (high - low) * (WIDTH - 16);
    const tick = (value, label) => (at(value) > 0 ? [text(at(value), 57, label, { "text-anchor": "middle" })] : []);
    const mine = x.sweep.effects[x.layer][x.head]?.[0];
    const whole = Math.max(1, Math.round(-low / 3));
    svg.setAttribute("viewBox", `0 0 ${WIDTH} 62`);
    svg.replaceChildren(draw("line", { x1: at(low), x2: at(high), y1: 26, y2: 26, class: "axis" }),
      draw("line", { x1: at(0), x2: at(0), y1: 14, y2: 44, class: "zero" }),
      ...values.map((v) => draw("line", { x1: at(v), x2: at(v), y1: 16, y2: 36, stroke: `var(--${v < 0 ? "plus" : "minus"})`, class: "each" })),
      ...(mine == null ? [] : [draw("circle", { cx: at(mine), cy: 26, r: 7, class: "mine" })]),
      text(at(low), 10, `${found.length} heads, ← log p falls`, { class: "plus" }), text(at(high), 10, "log p rises →", { class: "minus", "text-anchor": "end" }),
      ...tick(0, "0"), ...tick(-whole, `−${whole} nat${whole > 1 ? "s" : ""}`));
  };

  const rank = (found) => {
    const sorted = found.toSorted(([a], [b]) => a - b);
    const shown = [...sorted.slice(0, 4), ...(sorted.length > 5 ? [sorted.at(-1)] : [])];
    const most = Math.max(...shown.map(([e]) => Math.abs(e)), 1e-9);
    list.replaceChildren(heading,
      ...shown.map(([effect, gap, layer, head]) => bar(`${layer}.${head}`, effect, most, effect < 0, [layer, head], gap)));
  };

  const bar = (name, value, most, needed, at, gap) => {
    const parts = [make("span", { class: "number" }, name), make("i", { style:
      `width: ${(100 * Math.abs(value) / most).toFixed(1)}%; background: var(--${needed ? "plus" : "minus"})` }),
    make("span", { class: "number" }, signedText(value)), ...(gap == null ? [] : [make("span", { class: "number" }, signedText(gap))])];
    return at ? make("button", { onclick: () => x.choose(...at), "aria-pressed": String(`${at}` === `${[x.layer, x.head]}`) }, ...parts)
      : make("div", {}, ...parts);
  };

  // The largest direct contributions; with all others they add up to the logit difference.
  const sum = ({ embedding, layers, rest }) => {
    const parts = [["embedding", embedding], ...(rest == null ? [] : [["biases", rest]]), ...layers.flatMap(({ heads, mlp }, layer) =>
      [[`MLP ${layer}`, mlp], ...heads.map((value, head) => [`${layer}.${head}`, value, [layer, head]])])];
    const sorted = parts.toSorted(([, a], [, b]) => Math.abs(b) - Math.abs(a));
    const [shown, others] = [sorted.slice(0, 6), sorted.slice(6)];
    const total = (list) => list.reduce((all, [, value]) => all + value, 0);
    const rows = [...shown, [`${others.length} others`, total(others)]];
    const most = Math.max(...rows.map(([, value]) => Math.abs(value)), 1e-9);
    list.replaceChildren(...rows.map(([name, value, at]) => bar(name, value, most, value > 0, at)),
      make("div", { class: "total" }, make("span", {}, "sum"), make("i"), make("span", { class: "number" }, signedText(total(parts)))));
  };

  // A head may matter to all tokens, and not to the answer alone.
  const whole = (off, { surprisal, before }) => {
    const means = [before, surprisal].map((all) => all.slice(1).reduce((sum, one) => sum + one, 0) / (all.length - 1));
    return !off.flat().length ? "A large effect may be on all predictions, not on this answer alone: ablate a head to see how the mean surprisal of the text’s tokens changes."
      : means[0] >= 0 ? `Without ${x.namedOff()}, the mean surprisal of the text’s tokens changes from ${means[0].toFixed(2)} to ${means[1].toFixed(2)} nats: a large rise is an effect on all predictions, not on this answer alone.` : "";
  };

  const show = () => {
    const { seen, sweep, layer, head, answer, off } = x;
    title.replaceChildren(`Head ${layer}.${head} and `, word(answer?.[0] ?? "…"));
    const { partial } = x;
    const total = x.engine.layers * x.engine.heads;
    const own = sweep && x.key(sweep.off) === x.key(off);
    go.textContent = x.trying ? `Stop (${x.trying})` : !sweep || partial && !own ? `Try all ${total} heads` : partial ? "Measure the rest" : "Measure again";
    go.disabled = !seen || !x.engine.ready;
    const measured = sweep?.effects[layer][head];
    const [effect, gap] = measured ?? (seen?.before ? x.change() : []);
    const already = measured && sweep.off.some((heads) => heads.length);
    const alone = measured || x.onlyOff(layer, head);
    const start = measured ? sweep.logs[0] : seen && x.base();
    const when = !alone ? `nats if ${x.namedOff()} ${off.flat().length > 1 ? "are" : "is"} ablated: `
      : already ? "nats if it is ablated, too: " : "nats if it is ablated: ";
    const part = seen && x.direct()?.layers[layer]?.heads[head];
    big.textContent = effect == null ? (part == null ? "" : signedText(part)) : signedText(effect);
    big.className = `number ${(effect ?? -part) < 0 ? "plus" : "minus"}`;
    meaning.replaceChildren(...(!seen ? [] : effect == null
      ? [direct, " to the logit of ", word(answer[0]), " minus that of ", word(answer[1]), off.some((heads) => heads.length) || !x.engine.ready ? "." : ". Ablate it, or try all heads."]
      : already && sweep.off[layer].includes(head) ? ["nats: it is ablated already."]
      : [when, word(answer[0]), Math.abs(effect) < 0.02 ? " hardly changes. "
        : `${effect < 0 ? " falls" : " rises"} from ${percent(Math.exp(start))} to ${percent(Math.exp(start + effect))}. `,
      "Its logit minus that of ", word(answer[1]), ` changes by ${signedText(gap)}`,
      part == null || !alone || already ? "." : `; directly, the head adds ${signedText(part)}.`]));
    svg.style.display = sweep ? "" : "none";
    list.hidden = !sweep && !seen?.contributions;
    list.classList.toggle("both", !!sweep);
    list.ariaLabel = sweep ? "The heads with the largest effects" : "The parts with the largest direct contributions";
    about.replaceChildren(...(partial ? [`Stopped: ${partial} of ${total} heads measured${own ? "" : ", before the ablated heads changed"}. `] : []), ...(list.hidden ? [] : sweep ? [partial ? "Of these, the largest falls of log p and the largest rise" : "The four largest falls of log p and the largest rise", ` (${layer}.${head}: layer ${layer}, head ${head}):`]
      : ["The logit of ", word(answer[0]), " minus that of ", word(answer[1]), `${x.namedOff() ? `, without ${x.namedOff()}` : ""} (${layer}.${head}: layer ${layer}, head ${head}):`]));
    if (!x.busy) general.replaceChildren(...(list.hidden ? [] : [make("b", { class: "plus" }, "Violet"), ": in favour of the answer. ", make("b", { class: "minus" }, "Orange"), ": against it. "]),
      ...(!x.found?.before || !sweep && !seen?.before ? [] : [whole(off, x.found)]));
    if (!sweep) return list.hidden || sum(seen.contributions);
    const found = all();
    if (!found.length) return;
    line(found);
    rank(found);
  };
  return { node, show };
};

export const EFFECTS = `
.big { display: flex; gap: 14px; align-items: center; margin: 2px 0 6px; min-height: 48px; } .big span.number { font: 450 36px/1 var(--serif); white-space: nowrap; } .big p { line-height: 1.35; font-size: 14px; }
.about { color: var(--soft); font-size: 13px; }
.verdict svg { display: block; width: 100%; max-width: 560px; }
.axis { stroke: var(--line); } .zero { stroke: var(--ink); stroke-width: 1.2; } .each { stroke-width: 1.6; stroke-opacity: .5; }
.mine { fill: var(--mark); stroke: var(--ink); stroke-width: 1.6; }
.rank { display: grid; gap: 1px; } .rank > * { display: grid; grid-template-columns: 4.4rem 1fr 3.4rem; gap: 8px; align-items: center; min-height: 24px; padding: 0 6px; border: 0; border-radius: 5px; font-size: 13px; text-align: start; }
.rank button[aria-pressed="true"] { background: var(--mark-wash); color: var(--ink); font-weight: 600; } .rank i { display: block; height: 12px; border-radius: 2px; } .rank > * > span:last-child, .rank.both > * > span:nth-last-child(2) { text-align: end; } .rank button { background: none; }
.rank.both > * { grid-template-columns: 3rem 1fr 3.4rem 6rem; } .rank.both .soft { min-height: 0; } .total { border-top: 1px solid var(--line); border-radius: 0 !important; font-weight: 600; }
@container (max-width: 560px) { .rank > :not(.soft) { min-height: 40px; } .big { min-height: 60px; } }`;
