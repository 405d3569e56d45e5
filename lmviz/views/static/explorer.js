import { View, define, foot, make } from "./core.js";
import { PARTS, stage } from "./explorer_parts.js";
import { Language } from "./language.js";
import { MAP } from "./map.js";
import { Model, readWeights } from "./gpt2.js";
import { saver } from "./save.js";
import { tour } from "./tour.js";

define("lmviz-explorer", class extends View {
  static hint = "Choose a story, press a word, and ablate heads.";
  static css = `${MAP}
section { position: relative; padding: 12px 0; border-top: 1px solid var(--line); }
h2 { font-size: 16px; font-weight: 600; margin: 0; } section > p { color: var(--soft); font-size: 13px; margin-bottom: 8px; }
.story { position: sticky; z-index: 3; background: var(--raised); border-bottom: 1px solid var(--line); border-top: 0; padding: 4px 0; }
.story h2, .story > p { display: none; }
.tell label:last-child { flex: 1 1 18rem; } input { flex: 1; min-width: 0; }
.offers { min-height: 32px; font-size: 13px; color: var(--soft); gap: 4px 6px; } .offers button { font-family: var(--serif); }
.walk { display: flex; gap: 6px; align-items: center; background: var(--raised); padding: 4px 0; }
.walk > button { flex: none; width: 32px; padding: 0; }
.words { position: relative; display: flex; gap: 2px; align-items: center; flex: 1; min-width: 0; overflow-x: auto; scrollbar-width: thin; padding: 3px 16px;
  mask: linear-gradient(90deg, #0000, #000 16px calc(100% - 16px), #0000); }
.words button { flex: none; padding: 0 7px; border-color: transparent; border-radius: 8px; font: 16px var(--serif); }
.words button[aria-pressed="true"] { background: var(--mark); border-color: var(--mark); color: #182126; }
.words button:focus-visible { outline-offset: -3px; }
s { text-decoration: underline wavy; font-family: var(--serif); padding: 0 4px; }
.body { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 24px; }
.tour { margin: 12px 0; padding: 12px 16px; background: var(--mark-wash); border: 1.5px solid var(--mark);
  border-radius: 14px; scroll-margin-top: 8rem; }
.touring section:not(.tour + section, .story, .next, :hover, :focus-within)::after { content: ""; position: absolute; inset: 0;
  z-index: 1; pointer-events: none; background: color-mix(in srgb, var(--raised) 65%, transparent); }
.strips { display: grid; grid-template-columns: max-content 1fr max-content; gap: 3px 10px; align-items: center; font-size: 13px; }
.strips .signed > * { height: 18px; }
.scale { display: flex; gap: 6px; align-items: center; font-size: 11px; color: var(--soft); margin-top: 4px; }
.scale i { width: 80px; height: 6px; background: linear-gradient(90deg, var(--minus), var(--raised), var(--plus)); }
.both { display: grid; grid-template-columns: minmax(0, 17rem) minmax(0, 1fr); gap: 16px; }
.one output { min-height: 2.9em; }
.heads { display: grid; gap: 8px; align-self: start; }
.heads button:has(.heat) { width: 100%; padding: 4px; border: 1px solid var(--line); border-radius: 8px; font-size: 11px; }
.heads button[aria-pressed="true"] { background: none; border-color: var(--ink); box-shadow: 0 0 0 1px var(--ink); color: inherit; font-weight: 600; }
.heads .heat { aspect-ratio: 1; margin-bottom: 3px; } .ablated .heat { background: var(--line-strong); opacity: 0.4; }
.heads [role="switch"] { gap: 5px; font-size: 11px; }
table { border-collapse: separate; border-spacing: 2px; }
th, td { padding: 3px 6px; text-align: start; font-weight: 400; white-space: nowrap; font-variant-numeric: tabular-nums; }
.lens td, .lens th[scope="col"] { font-family: var(--serif); border-radius: 3px; cursor: pointer; }
.lens [aria-current] { background: var(--mark); color: #182126; border-radius: 3px; }
th[scope="row"], .lens td:first-child { position: sticky; left: 0; background: var(--raised); }
.lens .wide { mask: linear-gradient(90deg, #000 calc(100% - 28px), #0000); } .lens table { padding-right: 28px; }
.bars { width: 100%; border-spacing: 6px 2px; font-size: 13px; } .bars th { padding-left: 0; } .bars td { width: 40%; } .bars td.no { width: auto; } th[scope="col"] { color: var(--soft); font-size: 11px; }
.bars button { min-height: 28px; padding: 0 8px; font: 15px var(--serif); border-color: var(--line); }
.bars td { position: relative; padding: 3px 0 10px; }
.bars i, .ghost { position: absolute; left: 0; bottom: 2px; display: block; height: 7px; border-radius: 2px; background: var(--weight); max-width: 100%; }
.truth i { background: var(--key); } .ghost { background: none; border: 1.5px dashed var(--ink); height: 9px; bottom: 1px; }
@container (min-width: 640px) {
  .body { grid-template-columns: minmax(0, 1fr) 264px; } .aside { grid-column: 2; grid-row: 1; } .main { grid-column: 1; grid-row: 1; }
  .next { position: sticky; top: var(--under); border-top: 0; }
}
@container (max-width: 860px) { .both { grid-template-columns: minmax(0, 1fr); } .heads { max-width: 22rem; } }
@container (max-width: 560px) { .walk > button { width: 40px; } .tell label { flex-wrap: wrap; } .bars button { min-height: 40px; } }`;

  async build(root, data) {
    const note = make("output", {}, "Loading the model …");
    root.append(note);
    try {
      this.model = new Model(await readWeights(data), data.config);
    } catch (error) {
      note.textContent = `The weights could not be loaded: ${error.message}`;
      return;
    }
    const { layers, heads } = this.model;
    this.language = new Language(data.language);
    this.ids = new Map(data.words.map((word, id) => [word, id]));
    this.heads = Array.from({ length: layers * heads }, (_, i) => [Math.floor(i / heads), i % heads]);
    this.named = (i) => `layer ${this.heads[i][0]}, head ${this.heads[i][1]}`;
    Object.assign(this, { past: [], ablated: new Set(), chosen: 0, shows: [], parts: {} });
    for (const [name, [title, text]] of Object.entries(data.parts)) {
      const [nodes, show] = PARTS[name](this);
      this.shows.push(show);
      this.parts[name] = make("section", { class: name }, make("h2", {}, title), make("p", {}, text), ...nodes);
    }
    const { story, next, ...others } = this.parts;
    note.replaceWith(story, make("div", { class: "body" }, make("div", { class: "aside" }, next),
      make("div", { class: "main" }, ...Object.values(others))));
    root.append(foot("", saver(() => ["explorer", root])));
    this.tell(Object.values(data.stories)[0]);
    if (data.tour.length) story.before(tour(this, stage));
  }

  get weights() {
    const [layer, head] = this.heads[this.chosen];
    return this.trace.attentions[layer][head];
  }

  // What was typed without a pause is undone in one step.
  tell(text, typing = false) {
    if (this.said && text !== this.written && !(typing && this.typing)) this.past.push(this.written);
    this.typing = typing;
    this.write(text);
  }

  write(text) {
    this.written = text;
    const words = [this.data.language.START, ...text.split(/\s+/).filter(Boolean)];
    const stop = words.findIndex((word, t) => !this.ids.has(word) || t >= this.model.context);
    this.said = stop < 0 ? words : words.slice(0, stop);
    this.rest = words.slice(this.said.length);
    this.at = this.key = this.said.length - 1;
    this.compute();
  }

  extend(id) {
    this.tell([...this.said.slice(1, this.at + 1), this.data.words[id]].join(" "));
  }

  look(at, key = at) {
    this.at = Math.min(Math.max(at, 0), this.said.length - 1);
    this.key = Math.min(Math.max(key, 0), this.at);
    this.show();
  }

  choose(i) {
    this.chosen = i;
    this.show();
  }

  toggle(i) {
    if (!this.ablated.delete(i)) this.ablated.add(i);
    this.compute();
  }

  run(ablated) {
    const ids = this.said.map((word) => this.ids.get(word));
    return this.model.forward(ids, { ablate: [...ablated].map((i) => this.heads[i]) });
  }

  compute() {
    this.whole = this.run([]);
    this.trace = this.ablated.size ? this.run(this.ablated) : this.whole;
    this.show();
  }

  show() {
    for (const show of this.shows) show();
  }
});
