import { View, define, foot, local, make, moved, slider, visible, word } from "./core.js";
import { saver } from "./save.js";

const PAIRS = 8;
const text = (symbol) => visible(symbol);

define("lmviz-merges", class extends View {
  static hint = "Merge the most frequent pair, again and again.";
  static css = `
    .both { display: grid; grid-template-columns: minmax(0, 1fr) 15rem; gap: 8px 24px; align-items: start; }
    .words { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 6px 20px;
      max-height: 330px; overflow-y: auto; padding: 3px; }
    .line { display: flex; gap: 2px; align-items: baseline; flex-wrap: wrap; }
    .line .soft { flex: none; width: 4.5rem; padding-right: 6px; text-align: end; font-size: 13px; }
    .symbol { padding: 1px 5px; border: 1px solid var(--line); border-radius: 3px; font: 16px/1.4 var(--serif);
      background: var(--raised); transition: background var(--move) var(--ease); overflow-wrap: anywhere; }
    .symbol.new { background: var(--weight-wash); border-color: var(--weight); }
    .symbol.left, .symbol.right { background: var(--mark-wash); box-shadow: 0 2px var(--mark); }
    .symbol.left { margin-right: -3px; border-right-style: dashed; border-radius: 3px 0 0 3px; }
    .symbol.right { border-left: 0; border-radius: 0 3px 3px 0; }
    .pairs { display: grid; gap: 2px; }
    .pair { position: relative; display: flex; gap: 8px; min-height: 30px; padding: 0 8px; border: 0; border-radius: 3px;
      align-items: center; background: none; text-align: start; }
    .pair .word { font-weight: 400; font-size: 16px; overflow-wrap: anywhere; }
    .pair .number { margin-left: auto; }
    .pair::before { content: ""; position: absolute; inset: auto auto 0 8px; height: 3px; border-radius: 2px;
      width: calc((100% - 16px) * var(--share)); background: var(--weight); }
    .pair.next { background: var(--mark-wash); }
    .learned { min-height: 1.6em; margin-top: 6px; overflow-wrap: anywhere; }
    .small { font-size: 13px; color: var(--soft); }
    @container (max-width: 560px) { .both { grid-template-columns: minmax(0, 1fr); } .pair { min-height: 40px; } }`;

  build(root, { words, counts, merges }) {
    // The symbols of each word after each number of merges.
    this.states = [words.map((word) => [...word])];
    for (const pair of merges) this.states.push(this.states.at(-1).map((symbols) => this.merge(symbols, pair)));
    this.step = 0;
    [this.words, this.pairs, this.learned] = ["words", "pairs", "learned"].map((name) => make("div", { class: name }));
    Object.assign(this.pairs, { role: "group", ariaLabel: local("Most frequent pairs") });
    Object.assign(this.words, { tabIndex: 0, role: "region", ariaLabel: local("Words as symbols") });
    const last = merges.length;
    const control = slider("merges", { min: 0, max: last, step: 1, value: 0 }, (step) => this.show(step));
    const input = control.querySelector("input");
    const go = (step) => {
      input.value = step;
      input.dispatchEvent(new Event("input"));
    };
    this.back = make("button", { onclick: () => go(this.step - 1) }, "Undo");
    this.next = make("button", { onclick: () => go(this.step + 1) }, "Merge");
    const box = make("div", {}, make("div", { class: "both" }, this.words,
      make("div", {}, make("div", { class: "small" }, "Most frequent pairs of neighbours"), this.pairs)), this.learned);
    root.append(make("div", { class: "controls" }, this.next, this.back, control), box,
      foot(`The corpus has ${words.length} distinct words, each with its count (×). Yellow: the next pair. Filled: the newest token.`,
        saver(() => ["byte pair encoding", box])));
    this.show(0);
  }

  merge(symbols, [left, right]) {
    const merged = [];
    for (let i = 0; i < symbols.length; i++) {
      const hit = symbols[i] === left && symbols[i + 1] === right;
      merged.push(hit ? left + right : symbols[i]);
      if (hit) i++;
    }
    return merged;
  }

  // All pairs of neighbours at this step, the most frequent first, the next merge before its ties.
  count() {
    const pairs = new Map();
    this.states[this.step].forEach((symbols, w) => symbols.slice(1).forEach((right, i) => {
      const key = JSON.stringify([symbols[i], right]);
      pairs.set(key, (pairs.get(key) ?? 0) + this.data.counts[w]);
    }));
    const next = JSON.stringify(this.data.merges[this.step]);
    return [...pairs].sort(([a, n], [b, m]) => m - n || (b === next) - (a === next))
      .map(([key, n]) => [JSON.parse(key), n]);
  }

  show(step) {
    const { merges } = this.data;
    this.step = step;
    this.counts = this.count();
    const pair = merges[step];
    this.next.disabled = !pair;
    this.back.disabled = !step;
    this.mark(pair);
    const most = this.counts[0]?.[1];
    const buttons = this.counts.slice(0, PAIRS).map(([[left, right], n], i) => {
      const next = pair && left === pair[0] && right === pair[1];
      const look = () => {
        buttons.forEach((button, k) => (button.tabIndex = k === i ? 0 : -1));
        this.mark([left, right]);
        this.say(word(left), " + ", word(right), next ? " is merged next: it occurs " : " occurs ",
          make("b", { class: "number" }, n.toLocaleString("en")), " times.");
      };
      return make("button", { class: `pair ${next ? "next" : ""}`, style: `--share: ${n / most}`, tabindex: i ? -1 : 0,
        onpointerenter: look, onfocus: look, onclick: look, onpointerleave: () => this.rest(), onblur: () => this.rest(),
        onkeydown: (event) => {
          const [to] = moved(event, [i, 0], [buttons.length, 1]);
          if (to !== i) buttons[to].focus();
        } },
      make("span", { class: "word" }, text(left)), "+", make("span", { class: "word" }, text(right)),
      make("span", { class: "number" }, n.toLocaleString("en")));
    });
    this.pairs.replaceChildren(...buttons);
    this.learned.replaceChildren(make("span", { class: "small" }, step ? "New tokens: " : "No new tokens yet."),
      ...merges.slice(0, step).flatMap(([left, right], i) => [i ? " " : "",
        make("span", { class: `symbol ${i === step - 1 ? "new" : ""}` }, text(left + right))]));
    this.rest();
  }

  // The words as symbols, with the occurrences of a pair marked.
  mark(pair) {
    const { data: { counts, merges }, step } = this;
    const fresh = step && merges[step - 1].join("");
    this.words.replaceChildren(...this.states[step].map((symbols, w) => {
      const parts = symbols.map((symbol) => make("span", { class: `symbol ${symbol === fresh ? "new" : ""}` }, text(symbol)));
      for (let i = 0; pair && i < symbols.length - 1; i++) {
        if (symbols[i] !== pair[0] || symbols[i + 1] !== pair[1]) continue;
        parts[i].classList.add("left");
        parts[++i].classList.add("right");
      }
      return make("div", { class: "line" }, make("span", { class: "soft number" },
        `${counts[w].toLocaleString("en")} ×`), ...parts);
    }));
  }

  rest() {
    const { step, data: { merges, counts } } = this;
    this.mark(merges[step]);
    const total = this.states[step].reduce((sum, symbols, w) => sum + symbols.length * counts[w], 0);
    const pair = merges[step];
    const count = pair && (this.counts.find(([[left, right]]) => left === pair[0] && right === pair[1])?.[1] ?? 0);
    this.say(step === 1 ? "After 1 merge the corpus has " : `After ${step} merges the corpus has `,
      make("b", { class: "number" }, total.toLocaleString("en")), " tokens. ",
      ...(pair ? ["Next: ", word(pair[0]), " + ", word(pair[1]), ` (${count.toLocaleString("en")} times).`]
        : ["All merges are done."]));
  }
});
