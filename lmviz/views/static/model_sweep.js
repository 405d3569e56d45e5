// The effects of ablating each head alone: measured one after the other, kept for what they belong to.
import { State } from "./model_state.js";

export const countHeads = ({ effects }) => effects.flat().filter(Boolean).length;

export class Sweeper extends State {
  // What the effects of all heads belong to.
  key(off) {
    const { engine, tokens, q, words } = this;
    return [engine.id, q, words, tokens.map(({ id }) => id), off.map((heads) => heads.toSorted())].join(";");
  }

  // The effects that are shown: with the heads that are ablated, or of ablating one head at all.
  findSweep() {
    const none = this.off.map(() => []);
    this.sweep = this.sweeps.get(this.key(this.off))
      ?? (this.off.flat().length === 1 ? this.sweeps.get(this.key(none)) : undefined);
    if (this.held) this.mode = this.sweep ? "effect" : "attention";
  }

  // How many heads are measured, where that is not all of them.
  get partial() {
    if (this.trying) return 0;
    if (!this.sweep) return this.halted?.[0] === this.key(this.off.map(() => [])) ? this.halted[1] : 0;
    const n = countHeads(this.sweep);
    return n < this.engine.layers * this.engine.heads ? n : 0;
  }

  // Measure all heads, or those that are missing. What is complete is kept until all are measured again.
  async tryAll() {
    const { engine, q, off, words } = this;
    const [key, plain] = [off, off.map(() => [])].map((heads) => this.key(heads));
    const old = this.sweeps.get(key);
    const all = engine.layers * engine.heads;
    const complete = old && countHeads(old) === all;
    // What the effects are measured from: other heads may be ablated already.
    const sweep = old && !complete ? old : { off, logs: this.seen.lens.at(-1).logs,
      effects: Array.from({ length: engine.layers }, () => Array(engine.heads).fill(null)) };
    if (!complete) this.sweeps.set(key, sweep);
    Object.assign(this, { trying: `${countHeads(sweep)} of ${all}`, mode: "effect", measured: sweep, halted: null });
    this.show();
    const done = await engine.effects(q, words, off, countHeads(sweep));
    this.trying = "";
    if (done) this.sweeps.set(key, sweep);
    else {
      this.halted = [plain, countHeads(sweep)];
      if (!this.halted[1]) this.sweeps.delete(key);
    }
    this.findSweep();
    if (done && this.sweep === sweep) this.chooseLargest();
    this.show();
  }

  // The head without which the answer falls most is shown.
  chooseLargest() {
    const all = this.sweep.effects.flatMap((row, layer) => row.map(([effect], head) => [effect, layer, head]));
    const [, layer, head] = all.reduce((least, one) => (one[0] < least[0] ? one : least));
    this.choose(layer, head);
  }

  stopTrying() {
    this.engine.stop();
  }
}
