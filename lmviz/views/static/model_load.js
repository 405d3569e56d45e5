// The state of the model, which is loaded on a click that names its size, and how the parts of the
// view are laid out.
import { make } from "./core.js";

const MB = 1e6;
const size = (bytes) => `${Math.round(bytes / MB)} MB`;
// As measured with SmolLM2.
const memory = (bytes) => size(Math.max(1, Math.round(3 * bytes / 1e8)) * 1e8);

export const loadPart = (x) => {
  const says = make("output");
  const bar = make("progress", { max: 1, "aria-label": "Weights received" });
  const go = make("button", { class: "go", onclick: () => x.start() });
  const state = make("b");
  const node = make("section", { class: "load" }, make("div", { class: "slot" }, go, bar, state), says);

  const show = () => {
    const { engine, engines, failure, tokens } = x;
    const { obstacle, loaded, received, title } = engine;
    // It keeps its place when the model is there, so that nothing below moves.
    node.hidden = !failure && !engines.some(({ size }) => size);
    node.classList.toggle("ready", engine.ready && !failure);
    go.hidden = !!obstacle || loaded === "loading" || engine.ready;
    bar.hidden = loaded !== "loading";
    bar.value = engine.size ? received / engine.size : 0;
    go.textContent = failure ? `Try again, ${size(engine.size)}` : engine.size ? `Load ${title}, ${size(engine.size)}` : `Load ${title}`;
    state.hidden = !go.hidden || !bar.hidden;
    state.textContent = engine.ready ? `${title} is loaded` : title;
    const ready = `It runs in this page: ${engine.layers} layers of ${engine.heads} heads, ${engine.vocabulary.toLocaleString("en")} tokens. Write any text${engine.size ? "" : " in its words"}, and ablate any head.`;
    const stored = engine.has(tokens.map(({ id }) => id), x.off);
    says.textContent = failure || (engine.ready ? ready : obstacle ? `${obstacle}${stored ? "The numbers shown are stored." : ""}`
      : loaded === "loading" ? `${size(received)} of ${size(engine.size)}: each layer is computed as it arrives.`
        : stored ? `to change the text and ablate heads; until then, the numbers are stored ones. The browser keeps it; the tab needs about ${memory(engine.size)} of memory.`
          : `to compute this text: it has no numbers yet. The browser keeps the model; the tab needs about ${memory(engine.size)} of memory.`);
  };
  return { node, show };
};

export const LAYOUT = `
.head { display: none; } .load[hidden] + .body .controls { margin-right: 44px; }
.body { display: grid; gap: 10px 20px; grid-template-columns: minmax(0, 430fr) minmax(0, 386fr) minmax(0, 360fr);
  grid-template-areas: "text text text" "whole whole whole" "head verdict next" "lens lens lens"; }
.text { grid-area: text; } .whole { grid-area: whole; } .head-card { grid-area: head; } .verdict { grid-area: verdict; } .next { grid-area: next; }
.whole, .head-card, .verdict, .next { border-top: 1px solid var(--line); padding-top: 6px; min-width: 0; }
h2 { font-size: 16px; font-weight: 600; margin: 0; }
.top { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: center; min-height: 34px; }
.top h2 { margin-right: auto; } .whole .top h2 { margin-right: 0; } .whole .says { flex: 1; }
.says .word, .says .query, .says .key, h2 .word, .big .word { padding: 0 3px; border-radius: 3px; background: var(--sunk); }
.says { color: var(--soft); font-size: 13px; min-height: 2.9em; } .whole .says { min-height: 1.45em; }
.slot { display: flex; align-items: center; min-height: 32px; }
.load { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin: 0 44px 10px 0; padding: 8px 12px; background: var(--mark-wash);
  border-radius: 8px; font-size: 14px; min-height: 48px; transition: background var(--move); } .load output { flex: 1 1 16rem; }
.load.ready { background: var(--weight-wash); }
.go { background: var(--weight); border-color: var(--weight); color: var(--on-weight); } .go:hover { background: var(--weight); filter: brightness(1.1); }
progress { width: 10rem; accent-color: var(--weight); }
@container (max-width: 1000px) { .body { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); grid-template-areas: "text text" "whole whole" "head next" "verdict verdict" "lens lens"; }
  .whole .says, .says + button { order: 3; } .whole .says { flex-basis: 100%; min-height: 2.9em; }
  /* Its place is kept, so that the switch below stays where it is pressed. */
  .restore[hidden] { display: block !important; visibility: hidden; } }
@container (max-width: 680px) { .body { grid-template-columns: minmax(0, 1fr); grid-template-areas: "text" "next" "whole" "head" "verdict" "lens"; } }
@container (max-width: 560px) { .slot { min-height: 40px; flex-basis: 100%; } .load { align-items: start; } .load output { min-height: 4.35em; }
  .load.ready { align-content: center; gap: 4px; min-height: calc(64px + 4.35em); } .ready .slot, .load.ready output { min-height: 0; }
  .head-card .says { min-height: 4.35em; } }
@media print { .load { display: none; } }`;
