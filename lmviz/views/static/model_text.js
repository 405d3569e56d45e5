// The text of the view of a model: a field to write in, its tokens, and arcs of attention.
import { draw, make, moved, visible, word } from "./core.js";
import { term } from "./model_terms.js";
import { wordList } from "./model_vocabulary.js";
import { signedText } from "./model_words.js";

// The height of the arcs, and the weight below which there is none.
const HIGH = 44, LEAST = 0.015;

export const textPart = (x) => {
  const field = make("textarea", { rows: 1, spellcheck: "false", autocapitalize: "off", "aria-label": "Your text",
    title: "Shift and Enter begin a new line.", oninput: () => x.edit(field.value, true), onblur: () => (x.typed = NaN),
    onkeydown: (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && event.preventDefault() });
  const examples = make("select", { "aria-label": "Example", onchange: () => examples.value && x.edit(examples.value) });
  const undo = make("button", { onclick: () => x.undo(), "aria-label": "Undo the last change" }, "Undo");
  const arcs = draw("svg", { class: "arcs", "aria-hidden": "true", height: HIGH });
  const row = make("div", { class: "row", role: "group", "aria-label": "Tokens: choose a position" });
  const scroller = make("div", { class: "tokens" }, make("div", { class: "line" }, arcs, row));
  // What the numbers are of which each token has two.
  const above = make("span");
  const legend = make("p", { class: "legend" }, "Under a token: its ", term("surprisal"), ", in nats; the line is as thick. ", above);
  const words = wordList(x);
  const problem = make("output", { class: "problem" });
  const notice = make("output", { class: "soft" });
  const node = make("section", { class: "text" },
    make("div", { class: "controls" }, make("span", { class: "pick" }, examples), field, undo), scroller, legend, problem, notice, words.node);
  let buttons = [], listed;
  let drawn = [];

  const token = (one, t) => {
    const button = make("button", { class: "token", onclick: () => x.look(t), onkeydown: (event) => {
      const [, to] = moved(event, [0, t], [1, buttons.length]);
      if (to === t) return;
      x.look(to);
      buttons[to].focus();
    } }, make("b", {}, visible(one.name)), make("i"), make("small", { class: "number" }), make("small", { class: "number share" }));
    button.title = `id ${one.id}, bytes ${one.bytes}`;
    return button;
  };

  const show = () => {
    const { tokens, q, engine } = x;
    if (document.activeElement !== node.getRootNode().host || field.value !== x.said) field.value = x.said;
    if (listed !== engine) examples.replaceChildren(make("option", { value: "" }, "Examples"),
      ...Object.entries(engine.examples).map(([name, text]) => make("option", { value: text }, name)));
    listed = engine;
    examples.value = Object.values(engine.examples).includes(x.said) ? x.said : "";
    examples.disabled = field.readOnly = !engine.ready && !!engine.obstacle;
    undo.disabled = !x.past.length;
    problem.textContent = x.problem;
    const ids = tokens.map(({ id }) => id);
    if (`${ids}` !== `${drawn}`) {
      drawn = ids;
      notice.textContent = "";
      const held = row.matches(":focus-within");
      buttons = tokens.map(token);
      row.replaceChildren(...buttons);
      if (held) buttons[q]?.focus();
    }
    buttons.forEach((button, t) => {
      button.ariaPressed = t === q;
      button.tabIndex = t === q ? 0 : -1;
      const surprisal = x.found?.surprisal[t];
      button.style.setProperty("--n", Math.min(surprisal ?? 0, 12));
      button.children[2].textContent = t === 0 ? "first" : surprisal == null ? "…" : `${surprisal.toFixed(1)} nats`;
    });
    const here = buttons[q];
    if (here) {
      const { offsetLeft, offsetWidth } = here;
      // The beginning is in sight if it can be.
      if (offsetLeft + offsetWidth <= scroller.clientWidth) scroller.scrollLeft = 0;
      else if (offsetLeft < scroller.scrollLeft || offsetLeft + offsetWidth > scroller.scrollLeft + scroller.clientWidth)
        scroller.scrollLeft = offsetLeft + offsetWidth / 2 - scroller.clientWidth / 2;
    }
    bow();
    words.show();
  };

  // What the arcs are, in a word or two and in a sentence.
  const explain = (added) => {
    const head = `${x.layer}.${x.head}`;
    const from = word(x.tokens[x.q].name, "query");
    above.replaceChildren(...(x.arc === "contribution" && x.answer
      ? [`Above: what each key adds, through head ${head}, to the logit of `, word(x.answer[0]), " minus that of ", word(x.answer[1]), `; the sum is ${signedText(added.reduce((a, b) => a + b, 0))}.`]
      : x.arc === "weights" ? ["Above: the weight with which ", from, ` attends to it in head ${head}.`]
        : ["Above: weight times length of value, as a share of the sum over all keys of ", from, ` in head ${head}.`]));
  };

  // From the chosen position to what the chosen head attends to, or adds.
  const bow = () => {
    const found = x.arcs();
    const signs = x.arc === "contribution";
    const sum = signs && found ? found.reduce((all, part) => all + Math.abs(part), 0) || 1 : 1;
    const weights = found?.map((part) => Math.abs(part) / sum);
    if (found && x.tokens.length) explain(found);
    else above.replaceChildren();
    buttons.forEach((button, k) => {
      const [part, weight] = [found?.[k], weights?.[k]];
      button.lastChild.textContent = part == null ? "" : signs ? signedText(part) : part.toFixed(2);
      button.lastChild.classList.toggle("small", !(weight >= LEAST));
    });
    const middle = (t) => buttons[t].offsetLeft + buttons[t].offsetWidth / 2;
    arcs.setAttribute("width", row.scrollWidth);
    if (!weights || !buttons[x.q]) return arcs.replaceChildren();
    const from = middle(x.q);
    arcs.replaceChildren(...weights.flatMap((weight, k) => {
      if (weight < LEAST) return [];
      const side = !signs ? "arc" : found[k] < 0 ? "arc minus" : "arc plus";
      if (k === x.q) return [draw("circle", { cx: from, cy: HIGH - 5, r: 1.5 + 4 * weight, class: side })];
      const up = Math.max(4, HIGH - 14 - 7 * Math.min(6, x.q - k));
      return [draw("path", { d: `M${from} ${HIGH - 2}C${from} ${up} ${middle(k)} ${up} ${middle(k)} ${HIGH - 2}`,
        class: side, fill: "none", "stroke-width": (1 + 6 * weight).toFixed(1), opacity: (0.35 + 0.65 * weight).toFixed(2) })];
    }));
  };

  return { node, show, notice };
};

export const TEXT = `
.text .controls { flex-wrap: nowrap; margin: 0; gap: 6px 8px; }
textarea { flex: 1; min-width: 0; min-height: 32px; max-height: 5.5em; padding: 4px 12px; font: 16px/1.4 var(--serif); color: inherit;
  background: var(--raised); border: 1px solid var(--line-strong); border-radius: 8px; resize: none; field-sizing: content; }
.pick select { max-width: 9rem; }
.tokens { overflow-x: auto; scrollbar-width: thin; margin: 0 -16px; padding: 0 16px 2px; }
.line { position: relative; width: max-content; }
.arcs { display: block; overflow: visible; }
.arc { --ground: var(--weight); stroke: var(--ground); stroke-linecap: round; } circle.arc { fill: var(--ground); stroke: none; }
.arc.plus { --ground: var(--plus); } .arc.minus { --ground: var(--minus); }
.row { position: relative; display: flex; gap: 2px; }
.token { display: flex; flex-direction: column; min-height: 0; padding: 1px 7px 3px; border: 0; border-radius: 6px; background: none; text-align: start; white-space: pre; }
.token b { display: block; font: 400 22px/1.2 var(--serif); }
.token i { display: block; height: 11px; } .token i::before { content: ""; display: block; height: calc(1.5px + var(--n) * .8px);
  background: var(--soft); border-radius: 2px; }
.token small { display: block; font-size: 11px; line-height: 16px; color: var(--soft); }
.token .share { order: -1; height: 16px; color: var(--ink); } .token .small { opacity: 0; } :is(.row:hover, .row:focus-within) .small { opacity: 1; }
.legend { margin: 2px 0; min-height: 1.45em; color: var(--soft); font-size: 13px; }
.token:hover { background: var(--sunk); }
.token[aria-pressed="true"] { background: var(--mark); color: #182126; }
.token[aria-pressed="true"] small { color: #4a4016; } .token[aria-pressed="true"] .share { color: #182126; } .token[aria-pressed="true"] i::before { background: #4a4016; }
.problem { color: var(--minus); font-size: 13px; }
@container (max-width: 760px) { .text .controls { flex-wrap: wrap; margin-right: 0 !important; } textarea { flex: 1 1 100%; order: -1; }
.load[hidden] + .body textarea { margin-right: 48px; } }
@container (max-width: 560px) { .tokens { margin: 0 -12px; padding: 0 12px 2px; } textarea { min-height: 40px; } .token b { font-size: 19px; } .token { min-width: 40px; } .legend { min-height: 2.9em; } }`;
