// The parts of the explorer: the story, vectors, attention, the logit lens and the next word.
import { MOVES, describe, make, signed, softmax, tint, toggle, under, visible, wash, word } from "./core.js";
import { map } from "./map.js";
import { best } from "./gpt2.js";

export const stage = (i) => (i ? `after layer ${i - 1}` : "embeddings");
const button = (label, onclick, name) => make("button", { onclick, "aria-label": name }, label);
const wide = (label) =>
  make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": label });

const seen = (rows) => Float64Array.from(rows.flatMap((row, q) => Array.from(row, (weight, k) => (k > q ? NaN : weight))));

const steer = (node, move) => node.addEventListener("keydown", (event) => {
  if (!MOVES[event.key]) return;
  event.preventDefault();
  move(...MOVES[event.key]);
});

// A part returns its nodes and their update; x is the element.

const complaint = ({ rest: [first], ids, model, language, said }) => {
  if (ids.has(first)) return `The context length is ${model.context} words: the rest is ignored.`;
  if (first) return `${visible(first)} is not in the toy's vocabulary: the story ends before it.`;
  const { choices, wrong } = language.read(said);
  if (wrong === null) return "";
  const expected = [...choices[wrong].probs.keys()].map(visible).join(", ") || "nothing";
  return `Not a story: position ${wrong} must be ${expected}, got ${visible(said[wrong])}.`;
};

const story = (x) => {
  const { stories } = x.data;
  const pick = make("select", { onchange: () => x.tell(stories[pick.value]) },
    ...Object.keys(stories).map((name) => make("option", { value: name }, visible(name))));
  const text = make("input", { type: "text", spellcheck: "false", autocapitalize: "off",
    oninput: () => x.tell(text.value, true), onblur: () => (x.typing = false) });
  const undo = button("Undo", () => x.write(x.past.pop()));
  const words = make("div", { class: "words", role: "group", "aria-label": "Words of the story" });
  steer(words, (down, right) => x.look(x.at + down + right));
  const offers = make("div", { class: "controls offers", role: "group", "aria-label": "Likely next" });
  const problem = make("output");
  const walk = make("div", { class: "walk" }, button("‹", () => x.look(x.at - 1), "Previous word"), words,
    button("›", () => x.look(x.at + 1), "Next word"));
  return [[make("div", { class: "controls tell" }, make("label", {}, "Story",
    make("span", { class: "pick" }, pick)), undo, make("label", {}, "or your own, in the toy’s words", text)),
  offers, walk, problem], () => {
    if (text.value !== x.written) text.value = x.written;
    pick.value = Object.keys(stories).find((name) => stories[name] === x.written) ?? "";
    undo.disabled = !x.past.length;
    const held = words.matches(":focus-within");
    const buttons = x.said.map((word, t) => button(visible(word), () => x.look(t)));
    buttons.forEach((made, t) => {
      made.ariaPressed = t === x.at;
      made.tabIndex = t === x.at ? 0 : -1;
    });
    words.replaceChildren(...buttons, ...x.rest.map((word) => make("s", {}, visible(word))));
    if (held) buttons[x.at].focus();
    const { offsetLeft, offsetWidth } = buttons[x.at];
    words.scrollLeft = offsetLeft + offsetWidth / 2 - words.clientWidth / 2;
    const above = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
    x.parts.story.style.top = `${above - walk.offsetTop}px`;
    x.parts.next.style.setProperty("--under", `${above + walk.offsetHeight}px`);
    problem.textContent = complaint(x);
    // Likely words that begin as the last one typed.
    const [typed = "", ...others] = x.rest;
    const logits = x.trace.logits.at(-1);
    const fit = x.data.words.filter((word) => word.toLowerCase().startsWith(typed.toLowerCase()))
      .sort((a, b) => logits[x.ids.get(b)] - logits[x.ids.get(a)]);
    const full = others.length || x.said.length === x.model.context;
    offers.replaceChildren("Likely next:", ...(full ? [] : fit.slice(0, 6)).map((word) =>
      button(visible(word), () => {
        x.tell([...x.said.slice(1), word, ""].join(" "));
        text.focus();
      })));
    offers.hidden = full || !fit.length;
  }];
};

// Vectors, each scaled to itself, and their lengths.
const strips = (rows) => (x) => {
  const box = make("div", { class: "strips" });
  return [[box, make("div", { class: "scale" }, "− largest", make("i"), "+ largest; on the right, the norm")], () => {
    box.replaceChildren(...rows(x).flatMap(([name, row]) => {
      const most = Math.max(...row.map(Math.abs));
      const strip = signed(Float64Array.from(row, (value) => value / most), row.length, { role: "img", "aria-label": name,
        onpointermove: (event) => {
          const [, i] = under(event, strip, [1, row.length]);
          x.tip(event, `dimension ${i}: ${row[i].toFixed(3).replace("-", "−")}`);
        },
        onpointerleave: (event) => x.tip(event) });
      return [make("span", {}, name), strip, make("span", {}, Math.hypot(...row).toFixed(2))];
    }));
  }];
};

const attention = (x) => {
  const tiles = x.heads.map((_, i) => [
    make("button", { onclick: () => x.choose(i) }, make("div"), x.named(i)),
    toggle(x.named(i), ["on", "ablated"], () => x.toggle(i))]);
  const grid = make("div", { class: "heads", style: `grid-template-columns: repeat(${x.model.heads}, 1fr)` },
    ...tiles.map((pair) => make("div", {}, ...pair)));
  const large = make("div", { class: "large", role: "region", "aria-label": "Attention map: move with the arrow keys" });
  const [looks, change] = [make("output"), make("output")];
  const tell = (query, key) => looks.replaceChildren(`${x.named(x.chosen)}: `,
    ...describe(x.said, query, key, key > query ? -1 : x.weights[query][key]));
  let chart, drawn;
  const point = (query, key = best(x.weights[query].slice(0, query + 1)), event) => {
    if (!event) return x.look(query, key);
    chart.mark(query, key);
    tell(query, key);
  };
  const rebuild = () => {
    drawn = `${x.said} ${large.clientWidth}`;
    chart = map(x.said, x.said.length, { at: () => [x.at, x.key], point });
    chart.svg.addEventListener("click", (event) => {
      const n = x.said.length;
      x.look(...under(event, chart.node.querySelector(".cells"), [n, n]));
    });
    large.replaceChildren(chart.node);
    chart.layout(large.clientWidth, 480);
  };
  new ResizeObserver(() => drawn && drawn !== `${x.said} ${large.clientWidth}` && x.show()).observe(large);
  return [[make("div", { class: "both" }, grid, make("div", { class: "one" }, looks, large)), change], () => {
    tiles.forEach(([choose, ablate], i) => {
      const [layer, head] = x.heads[i];
      tint(choose.firstChild, seen(x.trace.attentions[layer][head]), x.said.length);
      choose.ariaPressed = i === x.chosen;
      ablate.set(!x.ablated.has(i));
      choose.classList.toggle("ablated", x.ablated.has(i));
    });
    if (drawn !== `${x.said} ${large.clientWidth}`) rebuild();
    const shares = seen(x.weights);
    chart.show(shares, shares);
    chart.mark(x.at, x.key);
    tell(x.at, x.key);
    const top = best(x.whole.logits[x.at]);
    const [before, after] = [x.whole, x.trace].map((run) => softmax(run.logits[x.at])[top].toFixed(3));
    change.textContent = x.ablated.size ? `Ablated: ${[...x.ablated].map(x.named).join("; ")}. `
      + `The probability of ${visible(x.data.words[top])} ${before === after ? `stays at ${after}: other heads suffice.`
        : `changes from ${before} to ${after}.`}` : "No head is ablated.";
  }];
};

const lens = (x) => {
  const box = wide("Logit lens");
  return [[box], () => {
    const cell = (logits, t) => {
      const word = best(logits);
      const prob = softmax(logits)[word];
      return make("td", { title: prob.toFixed(3), onclick: () => x.look(t), style: wash(prob) },
        visible(x.data.words[word]));
    };
    box.replaceChildren(make("table", {},
      make("tr", {}, make("td"), ...x.said.map((word, t) =>
        make("th", { scope: "col", "aria-current": t === x.at && "true" }, visible(word)))),
      ...x.trace.lens.map((rows, i) =>
        make("tr", {}, make("th", { scope: "row" }, stage(i)), ...rows.map(cell)))));
    box.scrollLeft = box.querySelector("[aria-current]").offsetLeft - box.clientWidth / 2;
  }];
};

const next = (x) => {
  const box = wide("Next word");
  const verdict = make("output");
  let shown = {};
  return [[box, verdict], () => {
    const { words } = x.data;
    const { probs, kind } = x.language.nextToken(x.said.slice(0, x.at + 1));
    const columns = { model: softmax(x.trace.logits[x.at]) };
    if (probs) columns.truth = words.map((word) => probs.get(word) ?? 0);
    if (x.ablated.size) columns["no ablation"] = softmax(x.whole.logits[x.at]);
    const most = words.map((_, id) => Math.max(...Object.values(columns).map((column) => column[id])));
    const order = [...most.keys()].sort((a, b) => most[b] - most[a]);
    const held = box.matches(":focus-within");
    const rows = order.filter((id, rank) => rank < 3 || (rank < 12 && most[id] > 0.01)).map((id) => {
      const go = button(visible(words[id]), () => x.extend(id));
      go.disabled = x.at + 1 >= x.model.context;
      const bar = (name, column) => [make("i", { style: `width: ${100 * column[id]}%` }),
        name === "model" && x.ablated.size ? make("b", { class: "ghost", style: `width: ${100 * columns["no ablation"][id]}%` }) : ""];
      return make("tr", { "data-id": id }, make("th", { scope: "row" }, go), ...Object.entries(columns).map(([name, column]) =>
        make("td", { class: name.split(" ")[0] }, column[id].toFixed(3), ...(name === "no ablation" ? [] : bar(name, column)))));
    });
    box.replaceChildren(make("table", { class: "bars" }, make("tr", {},
      ...["word", ...Object.keys(columns)].map((name) => make("th", { scope: "col" }, name))), ...rows));
    const duration = parseFloat(getComputedStyle(x).getPropertyValue("--move")) || 0;
    const bars = rows.map((row) => [row.dataset.id, row.querySelector(".model i")]);
    for (const [id, bar] of bars) if (shown[id]) bar.animate({ width: [shown[id], bar.style.width] }, { duration, easing: "ease-out" });
    shown = Object.fromEntries(bars.map(([id, bar]) => [id, bar.style.width]));
    const top = best(x.trace.logits[x.at]);
    x.say("after ", word(x.said[x.at]), ` (position ${x.at}), the model predicts `, word(words[top], "plus"),
      ` with probability ${columns.model[top].toFixed(3)}`, ...(columns.truth ? [`; the true probability is ${columns.truth[top].toFixed(3)}`] : []), ".");
    if (held) box.querySelector("button").focus();
    const far = (column) => columns.truth
      .reduce((sum, p, id) => sum + (p && p * Math.log(p / column[id])), 0).toFixed(4);
    verdict.textContent = !probs ? "This is not a story, so it has no true distribution."
      : !probs.size ? "The story is over."
        : `Divergence of the model from the true distribution: ${far(columns.model)} nats`
          + (x.ablated.size ? `; without ablation ${far(columns["no ablation"])}.` : ".")
          + (kind ? ` Kind of question: ${kind}.` : "");
  }];
};

export const PARTS = {
  story, attention, lens, next,
  vectors: strips(({ trace, at }) =>
    [["word", trace.tokens[at]], ["position", trace.positions[at]], ["sum", trace.residual[0][at]]]),
  stream: strips(({ trace, at }) => trace.residual.map((rows, i) => [stage(i), rows[at]])),
};
