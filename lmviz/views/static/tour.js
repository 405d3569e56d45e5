// A tour of the parts of a page. A step sets the story, the position and the heads, and
// measures the values in its text.
import { make, softmax, visible } from "./core.js";
import { best } from "./gpt2.js";

const mean = (values) => values.reduce((a, b) => a + b) / values.length;

const measure = (x, what, stage) => {
  const { at, said, trace, data } = x;
  const top = best(trace.logits[at]);
  const { probs } = x.language.nextToken(said.slice(0, at + 1));
  const [[answer]] = [...probs].sort(([, a], [, b]) => b - a);
  const prob = (run) => softmax(run.logits[at])[top];
  const weights = trace.attentions.flat();
  const found = {
    sharp: () => weights.map((rows) => mean(rows.map((row) => Math.max(...row)))),
    answer: () => weights.map((rows) => rows[at][said.indexOf(answer)]),
    needed: () => weights.map((_, i) => -prob(x.run([i]))),
  }[what]?.();
  if (found) x.chosen = best(found);
  const since = trace.lens.findLastIndex((rows) => best(rows[at]) !== top) + 1;
  const length = (i) => Math.hypot(...trace.residual.at(i)[at]).toFixed(1);
  return { top: visible(data.words[top]), answer: visible(answer), word: visible(said[at]), head: x.named(x.chosen),
    value: found && Math.abs(found[x.chosen]).toFixed(2), model: prob(trace).toFixed(2),
    since: stage(since), first: length(0), last: length(-1) };
};

export const tour = (x, stage) => {
  const steps = x.data.tour;
  let now = 0;
  const visit = (i) => {
    const step = steps[now = i];
    x.ablated.clear();
    panel.remove();
    x.parts.story.parentNode.classList.toggle("touring", !!step);
    if (!step) {
      x.compute();
      return start.focus();
    }
    x.tell(x.data.stories[step.story]);
    x.look(x.said.length + step.at);
    const found = measure(x, step.head, stage);
    if (step.off) x.ablated.add(x.chosen);
    x.compute();
    text.textContent = `${i + 1} of ${steps.length}. `
      + step.text.replace(/\{(\w+)\}/g, (_, name) => found[name]);
    back.disabled = !i;
    x.parts[step.part].before(panel);
    next.focus();
    panel.scrollIntoView();
  };
  const go = (label, to) => make("button", { onclick: () => visit(to()) }, label);
  const start = go("Take the tour", () => 0);
  const [back, next] = [go("Back", () => now - 1), go("Next", () => now + 1)];
  const text = make("p", { "aria-live": "polite" });
  const panel = make("div", { class: "tour", role: "region", "aria-label": "Tour" }, text,
    make("div", { class: "controls" }, back, next, go("Leave the tour", () => steps.length)));
  return make("div", { class: "controls" }, start);
};
