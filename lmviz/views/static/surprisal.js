import { View, define, foot, make, share, strip, visible, word } from "./core.js";
import { saver } from "./save.js";

const number = (x) => (x === Infinity ? "∞" : x.toFixed(2));

define("lmviz-surprisal", class extends View {
  static hint = "Point at a token to see what the model expected there.";
  static css = `
    .both { display: grid; grid-template-columns: minmax(0, 1fr) 15rem; gap: 12px 28px; align-items: start; }
    .strip { gap: 10px 3px; max-height: 360px; overflow-y: auto; padding: 3px; align-items: start; }
    .strip button { display: grid; grid-template-rows: auto 14px auto; min-height: 0; padding: 2px 4px; border: 0;
      border-radius: 3px; background: none; font-size: 19px; line-height: 1.3; text-align: center; }
    .strip button:hover { background: var(--weight-wash); }
    .strip button.at { background: var(--mark-wash); box-shadow: inset 0 0 0 1.5px var(--mark); }
    .line { align-self: start; height: calc(1.5px + 0.8px * var(--nats)); border-radius: 1px; background: var(--weight); }
    .strip .number { font: 12px/1.2 var(--sans); color: var(--soft); }
    .list { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 1px 8px; }
    .list > .soft { grid-column: 1 / -1; font-size: 13px; }
    .list .word { font-weight: 400; font-size: 16px; overflow-wrap: anywhere; }
    .list .own { font-weight: 600; }
    .bar { grid-column: 1 / -1; height: 4px; min-width: 1px; margin-bottom: 5px; border-radius: 2px; background: var(--weight);
      transition: width var(--move) var(--ease); }
    .own + .number + .bar { background: var(--mark); box-shadow: 0 0 0 1px var(--line-strong); }
    .say { min-height: 2.9em; }
    @container (max-width: 560px) { .both { grid-template-columns: minmax(0, 1fr); } }`;

  build(root, { tokens, nats }) {
    this.text = strip("Text: point at a token", tokens, (i) => this.choose(i));
    this.buttons = [...this.text.children];
    this.buttons.forEach((button, i) => button.append(...(i ? [
      make("span", { class: "line", style: `--nats: ${Math.min(15, nats.values[i - 1])}` }),
      make("span", { class: "number" }, number(nats.values[i - 1]))] : [])));
    this.list = make("div", { class: "list" });
    const box = make("div", { class: "both" }, this.text, this.list);
    const mean = nats.values.reduce((sum, x) => sum + x, 0) / nats.values.length;
    root.append(box, foot("The thicker the line, the larger the surprisal: minus the log probability, in nats. " +
      `Mean ${number(mean)}, perplexity ${number(Math.exp(mean))}.`, saver(() => ["surprisal", box])));
    // The most surprising token is the first to be shown.
    this.choose(1 + nats.values.indexOf(Math.max(...nats.values)));
  }

  choose(i) {
    const { tokens, nats, ranks, names, which, probs } = this.data;
    this.at = i;
    this.buttons.forEach((button, k) => button.classList.toggle("at", k === i));
    if (!i) {
      this.list.replaceChildren();
      return this.say(word(tokens[0]), " is the first token: nothing predicts it.");
    }
    const k = which.shape[1];
    const from = (i - 1) * k;
    const own = Math.exp(-nats.values[i - 1]);
    const rank = ranks.values[i - 1];
    const rows = Array.from({ length: k }, (_, j) => [names[which.values[from + j]], probs.values[from + j], j + 1 === rank]);
    if (rank > k) rows.push([tokens[i], own, true]);
    this.list.replaceChildren(make("span", { class: "soft" }, "Most likely after ", word(tokens[i - 1])),
      ...rows.flatMap(([name, prob, own]) => [make("span", { class: `word ${own ? "own" : ""}` }, visible(name)),
        make("span", { class: "number" }, share(prob)),
        make("span", { class: "bar", style: `width: ${100 * prob}%` })]));
    this.say("After ", word(tokens[i - 1]), ", ", word(tokens[i]), " has probability ",
      make("b", { class: "number" }, share(own)), ` and rank ${rank.toLocaleString("en")}: surprisal `,
      make("b", { class: "number" }, number(nats.values[i - 1])), " nats.");
  }
});
