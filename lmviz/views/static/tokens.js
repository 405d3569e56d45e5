import { hex, readable, tokenizer } from "./bpe.js";
import { View, define, foot, local, make, strip, visible, word } from "./core.js";
import { saver } from "./save.js";

const TITLES = { gpt2: "GPT-2", smollm2: "SmolLM2" };

define("lmviz-tokens", class extends View {
  static hint = "Point at a token for its id and bytes.";
  static css = `
    .rows { display: grid; gap: 4px; }
    .name { margin-top: 6px; font-size: 13px; color: var(--soft); }
    .strip button { background: var(--sunk); }
    .strip button:nth-child(odd) { background: var(--weight-wash); }
    .strip button:hover, .strip button:focus { border-color: var(--ink); }
    .own { display: flex; flex: 1; }
    .own input { flex: 1; min-width: 8rem; max-width: 30rem; }`;

  build(root, { rows, tokenizers: names }) {
    this.say("Point at a token, or move with the arrow keys.");
    this.own = make("div");
    const box = make("div", { class: "rows" }, this.own,
      ...rows.map(({ name, tokens, ids, bytes }) => this.row(name, tokens, ids, bytes)));
    // Only a site has files beside its scripts.
    if (names.length && globalThis.lmvizFolder) root.append(this.field(names));
    root.append(box, foot("", saver(() => ["tokens", box])));
  }

  row(name, tokens, ids, bytes) {
    const n = tokens.length;
    const label = local(n === 1 ? `${visible(name)}: 1 token` : `${visible(name)}: ${n} tokens`);
    const buttons = strip(label, tokens, (i) => {
      this.say(`${visible(name)}, token ${i + 1} of ${n}: “`, word(tokens[i]), "”",
        ids ? `, id ${ids[i]}` : "", bytes[i] ? `, bytes ${bytes[i]}` : ", bytes none");
      const { left, top } = buttons.children[i].getBoundingClientRect();
      const length = bytes[i].split(" ").length;
      this.tip({ clientX: left - 14, clientY: top + 8 }, ids ? `id ${ids[i]} · ` : "",
        length > 4 ? `${length} bytes` : bytes[i] || "no bytes");
    });
    for (const leave of ["pointerleave", "focusout"]) buttons.addEventListener(leave, (event) => this.tip(event));
    return make("div", {}, make("div", { class: "name" }, label), buttons);
  }

  // A field for a text of one's own; tokenizers are fetched from the site when it is used.
  field(names) {
    const titles = names.map((name) => TITLES[name]);
    const load = async (name) => tokenizer(await (await fetch(new URL(`${name}.json`, globalThis.lmvizFolder))).json());
    let loading;
    const show = async () => {
      loading ??= Promise.all(names.map(load));
      try {
        const loaded = await loading;
        this.own.replaceChildren(...loaded.flatMap(({ encode }, i) => {
          const tokens = encode(input.value);
          return tokens.length ? [this.row(local(`${titles[i]}, your text`), tokens.map(readable),
            tokens.map(({ id }) => id), tokens.map(({ bytes }) => hex(bytes)))] : [];
        }));
      } catch {
        loading = undefined;
        this.own.replaceChildren(make("div", { class: "name" }, "The tokenizer can’t be loaded."));
      }
    };
    const input = make("input", { type: "text", maxlength: 1000, oninput: show, placeholder: "Type your own text",
      "aria-label": `Your text, for the tokenizer of ${titles.join(" and ")}` });
    return make("div", { class: "controls" }, make("label", { class: "own" }, "Your text", input));
  }
});
