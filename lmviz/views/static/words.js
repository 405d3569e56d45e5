// The words of the views in the language of a page that is not in English; nothing imports this.
// The table, which is added at the end, has the translation of each message. {names} stand for
// what a view writes there.
((table) => {
  const NAME = /\{(\w+)\}/;
  const literal = (text) => text.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&");
  const patterns = Object.entries(table).filter(([message]) => NAME.test(message)).map(([message, translation]) => {
    const parts = message.split(NAME);
    const source = parts.map((part, i) => (i % 2 ? "(.+?)" : literal(part))).join("");
    return { names: parts.filter((_, i) => i % 2), pattern: new RegExp(`^${source}$`, "su"), translation };
  });

  const translate = (text) => {
    if (Object.hasOwn(table, text)) return table[text];
    for (const { names, pattern, translation } of patterns) {
      const [, ...values] = pattern.exec(text) ?? [];
      if (values.length) return translation.replace(/\{(\w+)\}/g, (_, name) => values[names.indexOf(name)]);
    }
    return text;
  };

  const known = new Map();
  globalThis.lmvizWords = (text) => {
    if (typeof text !== "string") return text;
    if (known.size > 5000) known.clear(); // what is shown has numbers in it
    if (!known.has(text)) known.set(text, translate(text));
    return known.get(text);
  };
})
