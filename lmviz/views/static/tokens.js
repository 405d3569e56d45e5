import { View, define, make, strip, visible } from "./core.js";
import { saver } from "./save.js";

define("lmviz-tokens", class extends View {
  static css = `
.rows { width: fit-content; }
.strip { gap: 3px; }
.strip button { color: inherit; }
.strip button:nth-child(4n + 1) { background: light-dark(#cfe3f1, #17445f); }
.strip button:nth-child(4n + 2) { background: light-dark(#fbe3b4, #5b4310); }
.strip button:nth-child(4n + 3) { background: light-dark(#c5e8dc, #12503d); }
.strip button:nth-child(4n) { background: light-dark(#f1dce8, #5c3049); }
output { position: sticky; bottom: 0; background: var(--page); padding: 0.2rem; }`;

  build(root, { rows }) {
    const shown = make("output", {}, "Point at a token, or move with the arrow keys.");
    const box = make("div", { class: "rows" }, ...rows.flatMap(({ name, tokens, ids, bytes }) => {
      const label = `${visible(name)}: ${tokens.length} token${tokens.length === 1 ? "" : "s"}`;
      return [make("div", {}, label), strip(label, tokens, (i) => {
        const id = ids ? `, id ${ids[i]}` : "";
        shown.textContent = `${visible(name)}, token ${i + 1} of ${tokens.length}: ` +
          `“${visible(tokens[i])}”${id}, bytes ${bytes[i] || "none"}`;
      })];
    }));
    root.append(box, shown, make("div", { class: "controls" }, saver(() => ["tokens", box])));
  }
});
