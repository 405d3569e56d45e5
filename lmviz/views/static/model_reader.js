// What the view of a model knows of a text: its tokens, and what the model computed on them.
import { within } from "./model_state.js";
import { Sweeper, countHeads } from "./model_sweep.js";
import { ranked } from "./sampling.js";

// How log p of the first of two words differs, and its logit minus that of the second.
const changes = (before, [first, second]) => [first - before[0], first - second - before[0] + before[1]];

// The state that all parts of the view show, and the questions to the model that bring it up to
// date. A newer text, position or head makes older answers late.
export class Reader extends Sweeper {
  async write(text, q) {
    this.said = text;
    const { engine } = this;
    const { tokens, problem = "", warning = "", wait } = engine.encode(text);
    if (wait) {
      try {
        await wait;
      } catch (error) {
        this.failure = error.message;
        return this.set([]);
      }
      return this.said === text && this.engine === engine ? this.write(text, q) : undefined;
    }
    this.problem = problem || warning;
    this.set(tokens, q);
  }

  // As many tokens as fit: all that is shown is of these.
  set(tokens, q) {
    const { longest } = this.engine;
    if (tokens.length > longest) this.problem = `The text is cut after ${longest} tokens, the most that fit in the page.`;
    if (!tokens.length && !this.failure) this.problem ||= "Write a text: without a token, there is nothing to predict from.";
    this.tokens = tokens.slice(0, longest);
    this.q = within(q ?? this.tokens.length - 1, this.tokens.length);
    this.maps = [];
    this.compute();
  }

  // The text of the tokens, which is shorter than what was typed if some of that can't be read.
  get read() {
    return this.engine.join(this.tokens);
  }

  clear() {
    Object.assign(this, { found: null, seen: null, words: null, written: null, lengths: null, scores: null, added: null, maps: [], map: null, busy: "" });
  }

  // Effects belong to one text, one position, two words and some heads that are ablated.
  stale() {
    if (this.trying) this.engine.stop();
    // The mode returns where there are effects again.
    if (this.mode === "effect") Object.assign(this, { mode: "attention", held: true });
  }

  // Words to compare, to one text and one position.
  forget() {
    this.stale();
    this.pair = undefined;
  }

  // Compare two words that a reader chooses; without them, the two most likely ones.
  compare(pair) {
    if (`${pair}` === `${this.words}`) return;
    this.keep();
    this.stale();
    this.pair = pair;
    this.again();
  }

  append(id) {
    const tokens = [...this.tokens.slice(0, this.q + 1), this.engine.token(id)];
    this.forget();
    this.said = this.engine.join(tokens);
    this.problem = "";
    this.set(tokens);
  }

  async compute() {
    const { engine, tokens, off } = this;
    const ids = tokens.map(({ id }) => id);
    const mine = ++this.asked;
    if (!ids.length || !engine.has(ids, off)) {
      this.clear();
      return this.show();
    }
    this.busy = "Computing …";
    this.map = null;
    this.show();
    this.work = this.run(mine, ids, off);
    await this.work;
  }

  async run(mine, ids, off) {
    try {
      const found = await this.engine.read(ids, off);
      if (mine !== this.asked) return;
      if (found) {
        this.found = found;
        // Another position or head may be chosen meanwhile.
        for (let at; at !== (at = `${[this.q, this.layer, this.head, this.pair]}`) && mine === this.asked;) await this.see();
      }
    } catch (error) {
      if (mine === this.asked) this.failure = error.message;
    }
    if (mine === this.asked) this.busy = "";
    this.show();
  }

  // When nothing newer is under way.
  async settled() {
    for (let work; work !== this.work;) await (work = this.work);
  }

  // What the chosen position and head show.
  async see() {
    const { engine, q, off, layer, head, asked } = this;
    const pair = engine.loaded && this.pair; // what is stored is of the two most likely ones
    const late = () => asked !== this.asked || q !== this.q || (engine.loaded && this.pair) !== pair;
    const key = `${q} ${pair} ${this.tokens.map(({ id }) => id)}`;
    const none = off.map(() => []);
    const ablates = off.some((heads) => heads.length);
    const remember = (words, { lens, contributions }) => (this.bases = { key, words, logs: lens.at(-1).logs, contributions });
    let words = pair || this.found.best[q].slice(0, 2).map(([id]) => id);
    // With heads ablated, the question stays that of the whole model.
    if (ablates && this.bases?.key !== key) {
      const whole = await engine.look(q, none, words);
      if (!whole || late()) return;
      words = pair || Array.from(ranked(whole.logits).subarray(0, 2));
      const before = await engine.look(q, none, words);
      if (!before || late()) return;
      remember(words, before);
    }
    if (ablates) ({ words } = this.bases);
    const seen = await engine.look(q, off, words);
    if (!seen || late()) return;
    if (!ablates) remember(words, seen);
    Object.assign(this, { seen, words });
    const one = await engine.head(layer, head, q, off, words);
    if (layer === this.layer && head === this.head && !late())
      Object.assign(this, { map: one && { layer, head, values: one.map }, written: one?.writes, lengths: one?.lengths, scores: one?.scores, added: one?.added });
  }

  get answer() {
    return this.words?.map((id) => this.engine.name(id));
  }

  hear(message, id) {
    if (id !== this.engine.id) return;
    if (message.kind === "layer") {
      this.maps[message.layer] = message.maps;
      if (this.engine.ready && this.found) return;
    }
    if (message.kind === "effect") {
      const { logs, effects } = this.measured;
      effects[message.layer][message.head] = changes(logs, message.logs);
      this.trying = `${countHeads(this.measured)} of ${this.engine.layers * this.engine.heads}`;
    }
    this.show();
  }

  // The attention weights of a query, in floats for the chosen head and in two bytes for others.
  row(layer, head, q) {
    const start = q * (q + 1) / 2;
    if (this.map?.layer === layer && this.map.head === head) return Array.from(this.map.values.subarray(start, start + q + 1));
    const maps = this.maps[layer];
    if (!maps) return null;
    const size = maps.length / this.engine.heads;
    const at = head * size + start;
    return size > start ? Array.from(maps.subarray(at, at + q + 1), (code) => code / 65535) : null;
  }

  // What the arcs in the text show of the chosen head: its weights, or how much each key adds to
  // the stream, which is weight times length, as shares of their sum; or, with signs, its part of
  // the head's contribution.
  arcs() {
    const weights = this.row(this.layer, this.head, this.q);
    if (!weights || this.arc === "weights") return weights;
    if (this.off[this.layer].includes(this.head)) return null; // it adds nothing
    if (this.lengths?.length !== weights.length) return weights;
    if (this.arc === "contribution") return this.added;
    const added = weights.map((weight, k) => weight * this.lengths[k]);
    const sum = added.reduce((a, b) => a + b);
    return added.map((length) => length / (sum || 1));
  }

  // The largest weight on a key other than the first, which most heads attend to anyway.
  strongest(layer, head) {
    const row = this.row(layer, head, this.q);
    if (!row) return undefined;
    const from = this.q ? 1 : 0;
    const weight = Math.max(...row.slice(from));
    return [weight, row.indexOf(weight, from)];
  }

  look(q) {
    this.q = within(q, this.tokens.length);
    this.forget();
    this.again();
  }

  choose(layer, head) {
    [this.layer, this.head] = [within(layer, this.engine.layers), within(head, this.engine.heads)];
    this.written = this.lengths = this.scores = this.added = null;
    this.again();
  }

  // Another position or head of the same run.
  again() {
    this.show();
    if (this.found && !this.busy) this.work = this.see().then(() => this.show(), (error) => ((this.failure = error.message), this.show()));
  }

  toggle(layer, head) {
    this.keep();
    this.off = this.off.map((heads, l) => (l !== layer ? heads : heads.includes(head) ? heads.filter((h) => h !== head) : [...heads, head]));
    if (!this.onlyOff(layer, head)) this.stale();
    this.compute();
  }

  restore() {
    this.keep();
    this.off = this.off.map(() => []);
    this.stale();
    this.compute();
  }

  onlyOff(layer, head) {
    return this.off.every((heads, l) => (l === layer ? `${heads}` === `${head}` : !heads.length));
  }

  namedOff() {
    return this.off.flatMap((heads, layer) => heads.map((head) => `${layer}.${head}`)).join(", ");
  }

  base() {
    return (this.bases ?? this.seen.lens.at(-1)).logs[0];
  }

  // The direct contributions with all heads on: an ablated one has none.
  direct() {
    return this.seen && (this.bases?.contributions ?? this.seen.contributions);
  }

  change() {
    return changes(this.bases.logs, this.seen.lens.at(-1).logs);
  }
}
