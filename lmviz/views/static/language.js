// The grammar of lmviz/toy/grammar.py, which provides the word lists. Each position yields
// the possible words with their probabilities, and is sent the chosen one.

const choice = (probs, kind = null) => ({ probs: new Map(probs), kind });
const each = (words, prob) => words.map((word) => [word, prob]);
const oneOf = (words, kind) => choice(each(words, 1 / words.length), kind);
const answer = (word, kind) => oneOf([word], kind);

// Strings are fixed, lists and choices leave a word open; returns the chosen words.
function* say(...parts) {
  const came = [];
  for (const part of parts) {
    if (typeof part !== "string") came.push(yield Array.isArray(part) ? oneOf(part) : part);
    else for (const word of part.split(" ")) yield oneOf([word]);
  }
  return came;
}

export class Language {
  constructor(lists) {
    Object.assign(this, lists);
  }

  *fact(people) {
    const taken = [...people].flat(2);
    const free = (words) => words.filter((word) => !taken.includes(word));
    const told = [this.WOMEN, this.MEN].filter((kind) => kind.some((w) => taken.includes(w)));
    const names = free([...this.WOMEN, ...this.MEN])
      .map((name) => [name, told.flat().includes(name) ? 1 : this.MIXED]);
    const sum = names.reduce((total, [, weight]) => total + weight, 0);
    const [name, ...its] = yield* say(choice(names.map(([word, x]) => [word, x / sum])),
      "has a", free(this.COLOURS), free(this.THINGS), ".");
    people.set(name, its);
  }

  pronouns(name) {
    return this.WOMEN.includes(name) ? ["her", "she"] : ["his", "he"];
  }

  *went(name, [, thing]) {
    const [possessive, pronoun] = this.pronouns(name);
    yield* say("to the", this.PLACES, "with", answer(possessive, "agreement"),
      answer(thing, "recall"), "because", answer(pronoun, "agreement"), "was", this.MOODS, ".");
  }

  *sings() {
    const { NOTES } = this;
    const notes = yield* say(NOTES, NOTES);
    let note;
    while (notes.length < 4) {
      note = yield choice([[",", 0.5], ...each(NOTES, 0.5 / NOTES.length)]);
      if (note === ",") break;
      notes.push(note);
    }
    if (note !== ",") yield* say(",");
    yield* say(...notes.map((again) => answer(again, "song")), ".");
  }

  *still(name, its) {
    const [possessive] = this.pronouns(name);
    yield* say("has", answer(possessive, "agreement"),
      ...its.map((word) => answer(word, "recall")), ".");
  }

  *chase(animal) {
    const [, thing, state] = yield* say(this.DEEDS, "the", this.THINGS,
      "because it was", [...this.OF_ANIMALS, ...this.OF_THINGS]);
    const it = this.OF_ANIMALS.includes(state) ? animal : thing;
    yield* say(". the", [state], "one was the", answer(it, "reference"), ".");
  }

  *question(asked, people) {
    const [owner, [colour]] = [...people].find(([, [, thing]]) => thing === asked);
    yield* say(answer(owner, "owner"), "has is", answer(colour, "recall"), ".");
  }

  *event(said, people) {
    const first = yield choice([...each([...people.keys()], 0.2), ["the", 0.5], ["now", 0.1]]);
    if (first === "now") {
      yield* say("it is");
      const watch = Math.floor((said.length - this.DAWN) / this.WATCH);
      yield* say(answer(this.TIMES[watch], "position"), ".");
    } else if (first === "the") {
      const { ANIMALS } = this;
      const things = [...people.values()].map(([, thing]) => thing);
      const noun = yield choice([...each(ANIMALS, 0.4 / ANIMALS.length), ...each(things, 0.3)]);
      yield* ANIMALS.includes(noun) ? this.chase(noun) : this.question(noun, people);
    } else {
      const what = yield choice([["went", 0.4], ["sings", 0.3], ["still", 0.3]]);
      yield* this[what](first, people.get(first));
    }
  }

  *story(said) {
    const people = new Map();
    for (let i = 0; i < 2; i++) yield* this.fact(people);
    while (said.length < this.LAST_BEGINNING) yield* this.event(said, people);
    yield oneOf([this.START]);
  }

  // The possible words at each position and after the last word, as far as the words are a
  // story (nothing follows its end); `wrong` is the first position that breaks the rules.
  read(words) {
    const said = [];
    const telling = this.story(said);
    const choices = [oneOf([this.START])];
    for (const word of words) {
      if (!choices.at(-1).probs.has(word)) return { choices, wrong: said.length };
      said.push(word);
      choices.push(telling.next(word).value ?? choice([]));
    }
    return { choices, wrong: null };
  }

  // The probability of each next word and the kind of question; or null and the wrong position.
  nextToken(words) {
    const { choices, wrong } = this.read(words);
    return wrong === null ? { ...choices.at(-1), wrong } : { probs: null, kind: null, wrong };
  }
}
