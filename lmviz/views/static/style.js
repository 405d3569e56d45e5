// How all views look. Names and values of the tokens are those of the book's tokens.css; a page
// without them, such as a notebook, gets this copy.
export const TOKENS = `:host {
  --serif: "Source Serif 4", Georgia, serif; --sans: "Source Sans 3", system-ui, sans-serif;
  --raised: light-dark(#ffffff, #182026); --sunk: light-dark(#f4f6f7, #1a2329);
  --line: light-dark(#dde3e6, #2c373e); --line-strong: light-dark(#8a969d, #6b7a83);
  --ink: light-dark(#182126, #e7edf0); --soft: light-dark(#515d65, #a6b3ba);
  --weight: light-dark(#0b6e70, #55cdc6); --weight-wash: light-dark(#e3f1f1, #16343a);
  --on-weight: light-dark(#ffffff, #06201f);
  --on-lo: light-dark(#182126, #ffffff); --on-mid: #000000; --on-hi: light-dark(#ffffff, #000000);
  --query: light-dark(#2362b3, #86b7ff); --key: light-dark(#855a00, #e7b94c);
  --value: light-dark(#a22a72, #f08fc4); --plus: light-dark(#5140b3, #ab9ffb);
  --minus: light-dark(#b8420e, #ff9c66); --mark: #ffd23f; --mark-wash: light-dark(#fff4cc, #3a3210);
  --shadow: 0 1px 2px light-dark(#0f23300f, #0000), 0 8px 28px -12px light-dark(#0f233026, #000a);
  --fast: 120ms; --move: 420ms; --ease: cubic-bezier(.2, .7, .2, 1); }
@media (prefers-reduced-motion: reduce) { :host { --fast: 0ms; --move: 0ms; } }`;

export const STYLE = `
:host { display: block; margin: 1.5rem 0; container-type: inline-size; text-align: start;
  font: 400 15px/1.45 var(--sans); color: var(--ink); }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
.view { position: relative; padding: 12px 16px; background: var(--raised);
  border: 1px solid var(--line); border-radius: 14px; box-shadow: var(--shadow); }
p { margin: 0; }

/* The head: what this is, what to do, and what is being pointed at. It never moves. */
.head { display: grid; grid-template-columns: auto 1fr; gap: 2px 16px; align-items: baseline;
  margin-bottom: 8px; padding-right: 44px; }
.title { font-size: 16px; font-weight: 600; overflow-wrap: anywhere; }
.tag { display: inline-block; margin-right: 10px; font-size: 11px; letter-spacing: .04em;
  color: var(--weight); white-space: nowrap; }
.tag::before { content: ""; display: inline-block; width: 7px; height: 7px; margin-right: 5px;
  border-radius: 50%; background: currentColor; }
.hint { color: var(--soft); font-size: 13px; text-align: end; text-wrap: balance; }
.say::first-letter { text-transform: uppercase; }
.say { grid-column: 1 / -1; min-height: 1.45em; margin-right: -44px; }
output { display: block; overflow-wrap: anywhere; font-variant-numeric: tabular-nums lining-nums; }
.query, .key, .value, .plus, .minus, .word { font-weight: 600; }
${["query", "key", "value", "plus", "minus"].map((role) => `.${role} { color: var(--${role}); }`).join(" ")}
.word, .query, .key, .value, .strip button { font-family: var(--serif); }
.tip { position: absolute; z-index: 5; width: max-content; max-width: 16rem; padding: 2px 8px; font-size: 13px;
  border-radius: 8px; background: var(--ink); color: var(--raised); pointer-events: none; }
.tip * { color: inherit; }

/* Controls. */
button, select, input { font: inherit; color: inherit; }
button, select, summary, input[type="text"] { min-height: 32px; padding: 0 12px; font-size: 14px;
  line-height: 1.2; background: var(--raised); border: 1px solid var(--line-strong);
  border-radius: 99px; transition: background var(--fast), color var(--fast); }
input[type="text"] { border-radius: 8px; }
select { appearance: none; padding-right: 28px; }
.pick { position: relative; display: inline-flex; align-items: center; }
.pick::after { content: ""; position: absolute; right: 13px; width: 6px; height: 6px; rotate: 45deg;
  translate: 0 -2px; border: solid var(--soft); border-width: 0 1.5px 1.5px 0; pointer-events: none; }
button, select, summary, input[type="range"] { cursor: pointer; }
button:hover, summary:hover { background: var(--weight-wash); }
button:disabled { color: var(--soft); border-color: var(--line); background: none; cursor: default; }
button[aria-pressed="true"] { background: var(--weight); border-color: var(--weight); color: var(--on-weight); }
input[type="range"] { appearance: none; width: 9rem; height: 24px; margin: 0; background: none; --at: 50%; }
${["-webkit-slider-runnable-track", "-moz-range-track"].map((part) => `input::${part} { height: 4px;
  border-radius: 2px; background: linear-gradient(90deg, var(--weight) var(--at), var(--line-strong) 0); }`).join("\n")}
${["-webkit-slider-thumb", "-moz-range-thumb"].map((part) => `input::${part} { appearance: none;
  width: 18px; height: 18px; margin-top: -7px; border: 2px solid var(--raised); border-radius: 50%;
  background: var(--weight); box-shadow: 0 0 0 1px var(--weight); }`).join("\n")}
@supports (-moz-appearance: none) { input::-moz-range-thumb { margin-top: 0; } }
[role="switch"] { border: 0; padding: 0; background: none !important; display: inline-flex; gap: 8px; align-items: center; }
[role="switch"]::before { content: ""; width: 36px; height: 20px; border-radius: 20px;
  background: radial-gradient(circle at 26px 10px, var(--raised) 7px, #0000 7.6px) var(--weight); }
[role="switch"][aria-checked="false"]::before {
  background: radial-gradient(circle at 10px 10px, var(--raised) 7px, #0000 7.6px) var(--line-strong); }
.steps { display: inline-flex; border: 1px solid var(--line-strong); border-radius: 99px; overflow: clip; }
.steps button { border: 0; border-radius: 0; min-height: 30px; }
.steps button[aria-pressed="true"] { background: var(--ink); color: var(--raised); }
.steps button:focus-visible { outline-offset: -3px; border-radius: 99px; }
:focus:not(:focus-visible) { outline: none; }
:focus-visible { outline: 2.5px solid var(--query); outline-offset: 2px; }
.controls { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center; margin: 8px 0; }
.controls label { display: inline-flex; gap: 8px; align-items: center; font-size: 14px; }

/* Content. */
.wide { overflow-x: auto; }
svg { font-family: var(--sans); }
svg text { fill: currentColor; }
svg .word, svg .query, svg .key, svg .value { font-family: var(--serif); }
${["query", "key", "value", "plus", "minus", "soft"].map((role) => `svg text.${role} { fill: var(--${role}); }`).join(" ")}
.soft { color: var(--soft); }
.number { font-variant-numeric: tabular-nums lining-nums; }
.heat { background: var(--weight); mask-size: 100% 100%; image-rendering: pixelated; }
.signed { display: grid; } .signed > * { grid-area: 1 / 1; }
.signed > :first-child { background: var(--plus); } .signed > :last-child { background: var(--minus); }
.strip { display: flex; flex-wrap: wrap; gap: 3px; }
.strip button { padding: 0 8px; font-size: 16px; border-color: var(--line); border-radius: 8px;
  white-space: pre-wrap; overflow-wrap: anywhere; }

/* The foot: a note, and a menu of what can be taken along, last but at the top. */
.foot { margin-top: 8px; }
.note, .done:not(:empty) { color: var(--soft); font-size: 13px; }
.menu { position: absolute; right: 12px; top: 10px; }
summary { display: grid; place-items: center; width: 32px; padding: 0 0 4px; font-weight: 700;
  border-color: var(--line); list-style: none; }
summary::-webkit-details-marker { display: none; }
.menu div { position: absolute; right: 0; top: calc(100% + 4px); z-index: 4; display: grid; padding: 4px;
  background: var(--raised); border: 1px solid var(--line); border-radius: 8px; box-shadow: var(--shadow); }
.menu button { border: 0; border-radius: 4px; text-align: start; white-space: nowrap; }

@media (pointer: coarse) { button, select, summary, input[type="text"], .steps button { min-height: 40px; }
  summary { width: 40px; } input[type="range"] { height: 40px; } }
@container (max-width: 560px) {
  .head { grid-template-columns: 1fr; }
  .hint { text-align: start; }
  .say { min-height: 2.9em; }
  button, select, summary, input[type="text"], .steps button { min-height: 40px; }
  .strip button { min-width: 40px; }
  summary { width: 40px; }
  input[type="range"] { height: 40px; }
  .view { padding: 10px 12px; }
}
@media print {
  :host { color-scheme: light; }
  .tag, .hint, .controls, .menu, .tip, .ranking, [role="switch"] { display: none !important; }
  .view { box-shadow: none; break-inside: avoid; }
}`;
