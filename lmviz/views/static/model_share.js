// The state of the view of a model, in the page's address and as Python.

// In the fragment, which no browser sends anywhere.
export const writeAddress = (x) => {
  const state = new URLSearchParams({ model: x.engine.id, text: x.said, head: `${x.layer}.${x.head}` });
  if (x.q !== x.tokens.length - 1) state.set("at", x.q);
  if (x.namedOff()) state.set("off", x.namedOff().replaceAll(" ", ""));
  if (x.pair) state.set("words", x.pair);
  history.replaceState(null, "", `#${state}`);
  return location.href;
};

const pair = (name) => /^\d+\.\d+$/.test(name) ? name.split(".").map(Number) : null;

// What an address asks for; whatever is not understood is left out.
export const readAddress = (engines) => {
  const state = new URLSearchParams(location.hash.slice(1));
  const engine = engines.find(({ id }) => id === state.get("model")) ?? engines[0];
  const [layer, head] = pair(state.get("head") ?? "") ?? [];
  const q = /^\d+$/.test(state.get("at")) ? +state.get("at") : undefined;
  const off = (state.get("off") ?? "").split(",").map(pair)
    .filter((one) => one && one[0] < engine.layers && one[1] < engine.heads);
  // Two different ids.
  const words = /^(\d{1,9}),(?!\1$)(\d{1,9})$/.exec(state.get("words"))?.slice(1).map(Number);
  return { engine, text: state.get("text") ?? undefined, layer, head, q, off,
    pair: words?.every((id) => id < engine.vocabulary) ? words : undefined };
};

// A text as Python writes it, in characters that any clipboard keeps.
const pythonText = (text) => JSON.stringify(text).replace(/[\u007f-\u{10ffff}]/gu, (c) => {
  const code = c.codePointAt(0).toString(16);
  return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
});

// With all heads and without those that are ablated, or without the chosen one.
export const toPython = ({ engine, read, off, q, layer, head, tokens, words }) => {
  const ablates = off.some((heads) => heads.length);
  const pairs = ablates ? off.flatMap((heads, at) => heads.map((one) => `(${at}, ${one})`)) : [`(${layer}, ${head})`];
  const text = pythonText(read);
  const at = q === tokens.length - 1 ? -1 : q;
  const name = ["smollm2", "toy"].includes(engine.id) ? engine.id : "folder or name of the model";
  return [
    "import lmviz", "", `lm = lmviz.load("${name}")`, `text = ${text}`,
    "whole = lm.trace(text)", `with lmviz.attention.ablate_heads(lm, [${pairs.join(", ")}]):`, "    ablated = lm.trace(text)",
    `trace = ${ablates ? "ablated" : "whole"}`,
    `probs = trace.logits[${at}].softmax(-1)`, "for p, i in zip(*probs.topk(8)):",
    '    print(f"{p:.4f}  {lm.decode(i)!r}")',
    `print(trace.attentions[${layer}, ${head}, ${at}])`,
    ...(words ? [`answer, runner_up = ${words.join(", ")}`,
      "shares = lmviz.transformer.logit_attribution(", "    lmviz.transformer.extract(lm), whole.ids, answer, runner_up=runner_up,", `    position=${at},`, ")",
      `change = ablated.logits[${at}].log_softmax(-1) - whole.logits[${at}].log_softmax(-1)`,
      'print(f"{lm.decode(answer)!r} minus {lm.decode(runner_up)!r}:")',
      `print(f"head ${layer}.${head} adds {shares['head ${layer}.${head}']:+.4f} directly")`,
      'print(f"ablation changes log p by {change[answer]:+.4f}")',
      'print(f"and the logit difference by {change[answer] - change[runner_up]:+.4f}")'] : []), "",
  ].join("\n");
};
