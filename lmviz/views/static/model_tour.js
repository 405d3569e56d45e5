// A tour of the view of a model: each step sets what is on the screen, dims the rest and explains
// it with numbers that are measured at that moment.
import { make, visible } from "./core.js";
import { percent, signedText } from "./model_words.js";

// What a text in braces is replaced by.
const FACTS = {
  n: (x) => x.tokens.length,
  surprise: (x) => x.tokens[most(x.found.surprisal)].name,
  nats: (x) => x.found.surprisal[most(x.found.surprisal)].toFixed(1),
  layers: (x) => x.engine.layers,
  heads: (x) => x.engine.heads,
  answer: (x) => x.answer[0],
  runner: (x) => x.answer[1],
  first: (x) => x.seen.lens[0].rank.toLocaleString("en"),
  since: (x) => x.seen.lens.findLastIndex(({ rank }) => rank > 1),
  word: (x) => x.tokens[x.q].name,
  key: (x) => x.tokens[x.strongest(x.layer, x.head)[1]].name,
  weight: (x) => x.strongest(x.layer, x.head)[0].toFixed(2),
  head: (x) => `${x.layer}.${x.head}`,
  direct: (x) => signedText(x.direct().layers[x.layer].heads[x.head]),
  sum: (x) => signedText(x.seen.lens.at(-1).logs[0] - x.seen.lens.at(-1).logs[1]),
  p: (x) => percent(Math.exp(x.base())),
  now: (x) => percent(Math.exp(x.seen.lens.at(-1).logs[0])),
  others: (x) => x.engine.vocabulary.toLocaleString("en"),
};
const most = (values) => values.reduce((best, value, t) => (value > (values[best] ?? -1) ? t : best), 0);

const selector = ({ part }) => part.split(" ").map((name) => `.${name}`).join();

export const tourPart = (x, steps) => {
  const text = make("p", { "aria-live": "polite" });
  const go = (label, to) => make("button", { onclick: () => visit(to()) }, label);
  const [back, next] = [go("Back", () => at - 1), go("Next", () => at + 1)];
  const start = make("button", { class: "start", onclick: () => visit(0) }, "Take the tour");
  const panel = make("div", { class: "tour", role: "region", "aria-label": "Tour", onkeydown: ({ key }) => key === "Escape" && visit(steps.length) },
    text, make("div", { class: "controls" }, back, next, go("Leave the tour", () => steps.length)));
  let at = -1, before;

  const visit = async (i) => {
    at = i;
    const step = steps[i];
    if (!panel.isConnected) before = [x.engine, x.leave()];
    const parts = x.body.children;
    for (const part of parts) part.classList.toggle("dimmed", !!step && !part.matches(selector(step)));
    if (!step) {
      panel.remove();
      x.use(...before);
      return start.focus();
    }
    await x.reset(step);
    if (at !== i) return;
    const needsModel = (step.load || !x.seen) && !x.engine.ready;
    const said = needsModel ? "From here, the model itself must run in the page. Press “Load” above, then go on with the tour."
      : step.text.replace(/\{(\w+)\}/g, (_, name) => visible(String(FACTS[name](x))));
    text.textContent = `${i + 1} of ${steps.length}. ${said}`;
    back.disabled = !i;
    next.textContent = needsModel ? "Try again" : i === steps.length - 1 ? "Finish" : "Next";
    if (needsModel) at = i - 1;
    x.body.after(panel);
    next.focus({ preventScroll: true });
    x.body.querySelector(selector(step)).scrollIntoView({ block: "nearest" });
  };
  return { start };
};

export const TOUR = `
.tour { position: sticky; bottom: 12px; z-index: 6; margin-top: 8px; padding: 10px 16px; background: var(--mark-wash);
  border: 1.5px solid var(--mark); border-radius: 14px; box-shadow: var(--shadow); } .tour .controls { margin: 6px 0 0; }
.body > * { scroll-margin: 76px 0 140px; }
.dimmed { opacity: .35; transition: opacity var(--fast); } .dimmed:hover, .dimmed:focus-within { opacity: 1; }
.start { white-space: nowrap; }`;
