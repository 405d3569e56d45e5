import { View, define, foot, make, moved, share, visible, word } from "./core.js";
import { saver } from "./save.js";

const number = (text) => make("b", { class: "number" }, text);

define("lmviz-continuations", class extends View {
  static hint = "Press a token to append it.";
  static css = `
    .text { min-height: 62px; padding: 3px; font: 19px/1.5 var(--serif); overflow-wrap: anywhere; white-space: pre-wrap; }
    .chip { display: inline-grid; margin: 0 0 4px 3px; padding: 0 6px 1px; vertical-align: top; text-align: center;
      border: 1px solid var(--line); border-radius: 6px; background: var(--weight-wash); }
    .chip:last-child { border-color: var(--weight); }
    .chip .number { font: 12px/1.2 var(--sans); color: var(--soft); }
    .heading { font-size: 13px; color: var(--soft); margin-bottom: 2px; }
    .room { min-height: calc(38px * var(--k)); }
    .bars { display: grid; gap: 2px; }
    .bars button { display: grid; grid-template-columns: minmax(0, 8rem) minmax(0, 1fr) 3.5rem; gap: 10px; align-items: center;
      min-height: 36px; padding: 0 8px; border: 0; border-radius: 4px; background: none; text-align: start; }
    .bars button:hover { background: var(--weight-wash); }
    .bars .word { font-weight: 400; font-size: 17px; overflow-wrap: anywhere; }
    .bars .number { text-align: end; }
    .bar { height: 12px; min-width: 1px; border-radius: 3px; background: var(--weight); transition: width var(--move) var(--ease); }
    .say { min-height: 2.9em; }
    @container (max-width: 560px) { .room { min-height: calc(42px * var(--k)); } .text { min-height: 121px; }
      .bars button { min-height: 40px; grid-template-columns: minmax(0, 6rem) minmax(0, 1fr) 3rem; } .say { min-height: 4.35em; } }`;

  build(root, { which }) {
    const k = which.shape[1];
    this.path = [];
    this.text = make("div", { class: "text" });
    this.heading = make("div", { class: "heading" });
    this.buttons = Array.from({ length: k }, (_, i) => make("button", { onclick: () => this.append([i]),
      onkeydown: (event) => {
        if (event.key === "Backspace") this.undo();
        this.buttons[moved(event, [i, 0], [k, 1])[0]].focus();
      }, onfocus: () => this.reach(i) }));
    this.bars = make("div", { class: "bars", role: "group", "aria-label": "Most likely next tokens" }, ...this.buttons);
    this.back = make("button", { onclick: () => this.undo() }, "Undo");
    this.greedy = make("button", { onclick: () => this.append(this.follow()) }, "Greedy to the end");
    const box = make("div", {}, this.text, this.heading,
      make("div", { class: "room", style: `--k: ${k}` }, this.bars));
    root.append(box, make("div", { class: "controls" }, this.back, this.greedy),
      foot(`Only the ${k} most likely tokens of each step are stored. Probabilities are over the whole vocabulary.`,
        saver(() => ["continuations", box])));
    this.reach(0);
    this.show();
  }

  // The tokens after a path, each with its probability; none where the stored tree ends.
  after(path) {
    const { rows, names, which, probs } = this.data;
    const from = rows[path.join()] * this.buttons.length;
    return this.buttons.map((_, i) => [names[which.values[from + i]], probs.values[from + i]]).filter(([name]) => name != null);
  }

  // The choices from here to the end, the most likely each time.
  follow() {
    const choices = [];
    for (let next; (next = this.after([...this.path, ...choices])).length;) {
      const probs = next.map(([, p]) => p);
      choices.push(probs.indexOf(Math.max(...probs)));
    }
    return choices;
  }

  append(choices) {
    this.path.push(...choices);
    this.show();
  }

  undo() {
    this.path.pop();
    this.show();
  }

  // The one bar that Tab reaches.
  reach(i) {
    this.buttons.forEach((button, k) => (button.tabIndex = k === i ? 0 : -1));
  }

  show() {
    const { path, data: { text } } = this;
    const focus = this.shadowRoot.activeElement;
    const chosen = path.map((i, at) => this.after(path.slice(0, at))[i]);
    this.text.replaceChildren(visible(text), ...chosen.map(([name, p]) => make("span", { class: "chip" }, visible(name),
      make("span", { class: "number" }, share(p)))));
    const next = this.after(path);
    this.heading.textContent = next.length ? "Most likely next tokens, and their probabilities"
      : "The stored tree ends here. Undo to choose another token.";
    this.bars.hidden = !next.length;
    next.forEach(([name, p], i) => this.buttons[i].replaceChildren(make("span", { class: "word" }, visible(name)),
      make("span", {}, make("div", { class: "bar", style: `width: ${100 * p}%` })), make("span", { class: "number" }, share(p))));
    this.back.disabled = !path.length;
    this.greedy.disabled = !next.length;
    // What had the focus may be gone.
    if (focus?.disabled || (focus && this.bars.hidden)) (path.length ? this.back : this.buttons[0]).focus();
    if (!path.length) {
      return this.say("No token is chosen yet. The tokens below have probability ",
        number(share(next.reduce((sum, [, p]) => sum + p, 0))), " together.");
    }
    const [name, p] = chosen.at(-1);
    const nats = chosen.reduce((sum, [, p]) => sum - Math.log(p), 0);
    this.say(word(name), " has probability ", number(share(p)), ` here. ${path.length === 1 ? "The token" : `The ${path.length} tokens`} so far: probability `,
      number(share(Math.exp(-nats))), ", or ", number(`${nats === Infinity ? "∞" : nats.toFixed(2)} nats`),
      next.length ? "." : ". The stored tree ends here.");
  }
});
