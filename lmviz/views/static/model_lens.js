// The logit lens at all positions, on demand: what each layer would predict after each token.
import { make, share, visible, wash } from "./core.js";
import { term } from "./model_terms.js";

export const lensPart = (x) => {
  const box = make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Logit lens" });
  const says = make("output", { class: "says" });
  const node = make("details", { class: "lens", ontoggle: () => show() },
    make("summary", {}, "Logit lens at all positions"), says, box);
  const about = term("logit-lens");
  let drawn;

  const show = async () => {
    const { engine, tokens, found, off } = x;
    node.hidden = !engine.ready && !!engine.obstacle;
    if (!node.open) return;
    if (!engine.ready) {
      drawn = null;
      box.replaceChildren();
      says.textContent = "Load the model to compute it.";
      return;
    }
    if (!found || x.busy || drawn === found) return;
    drawn = found;
    says.textContent = "Computing …";
    const answer = await engine.lens(off);
    if (!answer || drawn !== found) return;
    const states = answer.rows[0].length;
    const cell = (best) => {
      const [[id, , p]] = best;
      return make("td", { style: wash(p), title: best.slice(0, 5).map(([i, , q]) => `${engine.name(i)} ${share(q)}`).join("\n") }, visible(engine.name(id)));
    };
    const name = (i) => (i ? `after layer ${i - 1}` : "embedding");
    // Where all rows do not fit on a screen, the tokens are needed at both ends.
    const head = () => make("tr", {}, make("td"), ...tokens.map((token) => make("th", { scope: "col" }, visible(token.name))));
    box.replaceChildren(make("table", {}, head(),
      ...Array.from({ length: states }, (_, i) => make("tr", {}, make("th", { scope: "row" }, name(i)),
        ...answer.rows.map((row) => cell(row[i])))), head()));
    says.replaceChildren("The ", about, ": the most likely next token if each layer were the last; stronger colour is a higher probability.");
  };
  return { node, show };
};

export const LENS = `
.lens { grid-area: lens; border-top: 1px solid var(--line); padding-top: 6px; min-width: 0; }
.lens summary { display: block; width: max-content; padding: 8px 14px; font-weight: 400; border-color: var(--line-strong); }
/* With a height of its own, it would catch the wheel of who scrolls past. */
.lens .wide { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 2px; font-size: 13px; }
th, td { padding: 2px 6px; font-weight: 400; text-align: start; white-space: nowrap; border-radius: 3px; }
td, th[scope="col"] { font-family: var(--serif); font-size: 14px; } th { color: var(--soft); }
th[scope="row"] { position: sticky; left: 0; background: var(--raised); }`;
