// What a reader sets in the view of a model, and Undo, which takes the changes back.
import { View } from "./core.js";

const PAUSE = 1000; // ms
export const within = (x, n) => Math.min(Math.max(x, 0), n - 1);

export class State extends View {
  // What Undo comes back to, kept before each change by a reader; a burst of typing is one change.
  keep(typed, state = this.state()) {
    const now = performance.now();
    if (!typed || !(now - this.typed < PAUSE)) this.past.push(state);
    this.typed = typed ? now : NaN;
  }

  undo() {
    this.forget();
    this.typed = NaN;
    this.put(this.past.pop());
  }

  // Without a position, the last one.
  state() {
    const { said: text, layer, head, q, tokens, pair } = this;
    return { text, layer, head, pair, q: q < tokens.length - 1 ? q : undefined,
      off: this.off.flatMap((heads, at) => heads.map((one) => [at, one])) };
  }

  // Come to such a state; without one, to where the model begins.
  put({ text = Object.values(this.engine.examples)[0], off = [], layer, head, q, pair } = {}) {
    const { engine, tokens } = this;
    this.pair = pair;
    this.off = Array.from({ length: engine.layers }, (_, l) => [...new Set(off.filter(([at]) => at === l).map(([, h]) => h))]);
    [this.layer, this.head] = [within(layer ?? engine.start[0], engine.layers), within(head ?? engine.start[1], engine.heads)];
    this.written = this.lengths = this.scores = this.added = null;
    if (text !== this.said) return this.write(text, q);
    this.q = within(q ?? tokens.length - 1, tokens.length);
    this.compute();
  }

  // What a reader has typed, or an example.
  edit(text, typed) {
    if (text === this.said) return;
    this.keep(typed);
    this.forget();
    this.write(text);
  }
}
