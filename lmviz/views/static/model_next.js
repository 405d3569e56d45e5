// What comes next: the most likely tokens, the dials of sampling, and writing on.
import { make, share, slider, visible, word } from "./core.js";
import { term } from "./model_terms.js";
import { percent } from "./model_words.js";
import { chance, random, sample, shape } from "./sampling.js";

const ROWS = 8, MOST = 40;
// As the model says it.
const USUAL = { temperature: 1, k: Infinity, p: 1 };

export const nextPart = (x) => {
  const dials = { ...USUAL };
  const ranks = [1, 2, 3, 5, 10, 20, 50, 100, 1000, Infinity];
  const says = make("output", { class: "says" });
  const rows = make("div", { class: "bars", role: "group", "aria-label": "Next tokens: press one to append it" });
  const others = make("p", { class: "number rest" });
  const turn = ({ temperature, k, p } = USUAL) => [...controls.querySelectorAll("input")].forEach((input, i) => {
    input.value = [temperature, ranks.indexOf(k), p][i];
    input.dispatchEvent(new Event("input"));
  });
  const set = (name, change = (value) => value) => (value) => {
    dials[name] = change(value);
    show();
  };
  // Which words are compared: a field for each, with the most likely tokens to choose from.
  const wrong = make("output", { class: "problem" });
  const taken = make("p", { class: "legend taken" });
  const options = make("datalist", { id: "likely" });
  const written = (id) => visible(x.engine.name(id)).slice(1, -1);
  const fields = ["answer", "runner-up"].map((label, i) => make("input", { type: "text", list: "likely", "aria-label": `Compared tokens: ${label}`,
    maxlength: 64, spellcheck: "false", autocapitalize: "off", autocomplete: "off",
    // Empty, so that all are listed.
    onfocus: ({ target }) => {
      target.value = wrong.textContent = "";
    },
    onchange: ({ target: { value } }) => value && pick(i, value), onblur: () => x.show() }));
  const usual = make("button", { onclick: () => x.compare(), title: "Compare the two most likely tokens" }, "Reset");
  const compared = make("div", { class: "compared" }, ...fields.map((field, i) => make("label", {}, ["answer", "runner-up"][i], field)), usual, options);
  const pick = (i, name) => {
    const { engine, words } = x;
    // Most words follow a space: without one, a letter begins such a token if there is one.
    const id = listed.find((one) => written(one) === name) ?? (/^\p{L}/u.test(name) ? engine.find(`␣${name}`) : undefined) ?? engine.find(name);
    fields[i].value = id == null ? fields[i].placeholder : written(id);
    wrong.textContent = id == null ? `“${visible(name)}” is not a token of ${engine.title}: choose one from the list, or write one such as ${written(words[0])}.` : "";
    if (id == null) return;
    const pair = words.with(i, id);
    x.compare(pair[0] === pair[1] ? words.toReversed() : pair);
  };
  const go = make("button", { onclick: () => (running ? (running = false) : write()) }, "Continue");
  const folded = make("summary");
  const controls = make("details", { class: "dials" }, folded, make("div", {},
    slider("temperature", { min: 0, max: 2, step: 0.1, value: 1, show: (t) => t.toFixed(1) }, set("temperature")),
    slider("top-k", { min: 0, max: ranks.length - 1, step: 1, value: ranks.length - 1,
      show: (i) => (ranks[i] === Infinity ? "all" : ranks[i]) }, set("k", (i) => ranks[i])),
    slider("top-p", { min: 0, max: 1, step: 0.01, value: 1, show: (p) => p.toFixed(2) }, set("p")),
    make("p", { class: "legend" }, "The ", term("softmax"), " of the logits divided by the ", term("temperature"), "; ", term("top-k", "top-k"), " and ", term("top-p", "top-p"), " keep the most likely tokens.")));
  const node = make("section", { class: "next" }, make("div", { class: "top" }, make("h2", {}, "Next token"), go), says, rows, others, compared, taken, wrong, controls);
  let running = false, seed = 0, lines = [], listed = [], asked;

  // Write on until the text is full, the model ends it, or a reader stops it or changes the text.
  const write = async () => {
    const before = x.state();
    running = true;
    go.textContent = "Stop";
    x.look(x.tokens.length - 1);
    for (let i = 0; i < MOST && x.tokens.length < x.engine.longest; i++) {
      const { said, engine } = x;
      await x.settled();
      if (!running || !x.seen || x.failure || said !== x.said || engine !== x.engine) break;
      const id = sample(shape(x.seen.logits, dials), random(seed++));
      if (x.engine.ends.includes(id)) break;
      if (i === 0) x.keep(false, before);
      x.append(id);
    }
    running = false;
    go.textContent = "Continue";
  };

  const press = (id) => {
    if (!x.engine.ready) return;
    x.keep();
    x.append(id);
  };

  const line = (i) => {
    const parts = { id: null, name: make("b"), bar: make("i"), ghost: make("i", { class: "ghost" }), truth: make("i", { class: "truth" }), prob: make("span", { class: "number" }) };
    parts.row = make("button", { onclick: () => press(parts.id), onpointerenter: () => explain(i), onfocus: () => explain(i),
      onpointerleave: () => introduce(), onblur: () => introduce() },
    parts.name, make("span", { class: "track" }, parts.bar, parts.ghost, parts.truth), parts.prob);
    return parts;
  };

  // The way of a token from its logit to its probability.
  const explain = (i) => {
    const { seen } = x;
    const { id, prob } = lines[i];
    if (!seen?.logits) return;
    const { temperature: t } = dials;
    const { best, sum } = shape(seen.logits, dials);
    const removed = prob.textContent === "removed";
    const logit = seen.logits[id];
    says.replaceChildren(word(x.engine.name(id)), `: logit ${logit.toFixed(2)}`, ...(t === 0
      ? [", temperature 0: only the largest logit stays."] : removed ? [", removed by top-k or top-p."]
      : [`, e^((${logit.toFixed(2)} − ${best.toFixed(2)}) / ${t.toFixed(1)}) / ${sum.toFixed(3)} = `,
        `${(Math.exp((logit - best) / t) / sum).toFixed(3)}.`]));
  };
  const introduce = () => {
    const { seen, tokens, q, engine } = x;
    if (!seen || !tokens[q]) return says.replaceChildren(x.busy ?? "");
    says.replaceChildren("After ", word(tokens[q].name, "query"), seen.before ? `: filled without ${x.namedOff()}, dashed with all heads.`
      : seen.truth ? ": filled the model, the line is the truth." : engine.ready ? ": press a token to append it." : ".");
  };

  const show = () => {
    const { seen, engine } = x;
    folded.textContent = `Sampling: temperature ${dials.temperature.toFixed(1)}, top-k ${dials.k === Infinity ? "all" : dials.k}, top-p ${dials.p.toFixed(2)}`;
    go.disabled = !engine.ready || !seen;
    for (const input of controls.querySelectorAll("input")) input.disabled = !engine.ready;
    rows.classList.toggle("stale", !!x.busy);
    compared.hidden = !seen;
    taken.replaceChildren(...(seen ? x.answer.flatMap((name, i) => [i ? " and " : "Compared: ", word(name), ` (${i ? "" : "probability "}${share(Math.exp(seen.lens.at(-1).logs[i]))})`]) : []), seen ? "." : "");
    usual.hidden = !x.pair;
    fields.forEach((field, i) => {
      field.disabled = !engine.ready;
      field.placeholder = x.words ? written(x.words[i]) : "";
      if (!field.matches(":focus")) field.value = field.placeholder;
    });
    if (asked !== x.found) wrong.textContent = "";
    asked = x.found;
    if (!seen) {
      lines = [];
      for (const part of [rows, others]) part.replaceChildren();
      return introduce();
    }
    const now = shape(seen.logits, dials);
    const plain = dials.k === Infinity && dials.p === 1 ? now : shape(seen.logits, { temperature: dials.temperature });
    const before = seen.before && shape(seen.before, dials);
    // First those of the whole model, so that rows stay where they were when a head is ablated.
    const ids = [...new Set([...(before?.ids.subarray(0, ROWS - 2) ?? []), ...plain.ids.subarray(0, ROWS)])].slice(0, ROWS);
    if (`${listed}` !== `${plain.ids.subarray(0, 20)}`) {
      listed = [...plain.ids.subarray(0, 20)];
      options.replaceChildren(...listed.map((id) => make("option", { value: written(id) })));
    }
    while (lines.length < ids.length) lines.push(line(lines.length));
    lines.length = Math.min(lines.length, ids.length);
    if (rows.childElementCount !== lines.length) rows.replaceChildren(...lines.map(({ row }) => row));
    ids.forEach((id, i) => {
      const { name, bar, ghost, truth, prob } = lines[i];
      lines[i].id = id;
      name.textContent = visible(engine.name(id));
      const p = chance(now, id);
      bar.style.width = `${100 * (p ?? 0)}%`;
      ghost.style.width = `${100 * (before && chance(before, id) || 0)}%`;
      ghost.hidden = !before;
      truth.hidden = !seen.truth;
      truth.style.left = `${100 * (seen.truth?.get(id) ?? 0)}%`;
      prob.textContent = p == null ? "removed" : percent(p);
    });
    const kept = ids.map((id) => chance(now, id)).filter((p) => p != null);
    const sum = kept.reduce((total, p) => total + p, 0);
    const n = now.ids.length - kept.length;
    others.textContent = n > 0 ? `${n.toLocaleString("en")} others: ${percent(Math.max(0, 1 - sum))}` : "No others are left.";
    introduce();
  };
  return { node, show, dials, turn };
};

export const NEXT = `
.bars { display: grid; gap: 2px; }
.bars button { display: grid; grid-template-columns: 6.5rem 1fr 3.9rem; gap: 8px; align-items: center; min-height: 26px; padding: 0 4px; border: 0; border-radius: 6px; background: none; }
.bars button:hover { background: var(--sunk); } .bars b { font: 400 16px var(--serif); text-align: end; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bars button:first-child b { font-weight: 600; } .bars .number { text-align: end; font-size: 13px; } .bars.stale { opacity: .6; }
.track { position: relative; height: 16px; border-radius: 3px; background: var(--sunk); }
.track i { position: absolute; left: 0; top: 0; bottom: 0; border-radius: 3px; background: var(--weight); transition: width var(--move) var(--ease); }
.track .ghost { background: none; border: 1.4px dashed var(--ink); } .track .truth { width: 2.5px; margin-left: -1px; top: -2px; bottom: -2px; border-radius: 0; background: var(--key); transition: none; }
.dials .legend { margin-top: 4px; }
.rest { color: var(--soft); font-size: 13px; text-align: end; padding: 2px 4px; }
.compared { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 4px 0 8px; font-size: 13px; } .compared[hidden] { display: none; }
.compared label { display: flex; flex: 1 1 8rem; gap: 4px; align-items: center; white-space: nowrap; }
.compared input { flex: 1; width: 4rem; min-width: 4rem; padding: 0 4px 0 8px; font: 15px var(--serif); } .compared ::-webkit-calendar-picker-indicator { width: 11px; margin: 0; padding: 0; } .compared ::placeholder { color: var(--soft); opacity: 1; } .compared button { padding: 0 8px; font-size: 13px; }
.dials summary { display: block; width: auto; padding: 8px 12px; font-weight: 400; font-size: 13px; border-radius: 8px; } .dials > div { margin-top: 6px; } .dials label { font-size: 13px; display: grid; grid-template-columns: 5.2rem 1fr 2.4rem; gap: 6px; align-items: center; }
.next input[type="range"] { width: 100%; }
@container (max-width: 560px) { .bars button { min-height: 40px; } .dials label { grid-template-columns: 5.2rem 1fr 2.4rem; width: 100%; } }`;
