// Ranks the pages of the book, and what is in them, by the words of a query. The build
// writes the list (titles.js), which is loaded when it is needed first.
globalThis.bookSearch = (() => {
  const root = new URL(document.documentElement.dataset.content_root, location);
  // Words that say nothing of what is looked for.
  const FILLERS = new Set(
    ("a an and are as at be but by can did do does for from get give has have how i in is me my of " +
      "on or our see show shown so tell than that the their them then there they this to us was we " +
      "what when where which who why will with would you your").split(" "),
  );
  // Those of another language, which words.js has.
  globalThis.lmvizFillers?.forEach((word) => FILLERS.add(word));
  const WEIGHTS = { lesson: 1.2, page: 0.6, term: 0.5, heading: 0.3, function: -0.4 };

  // A number such as 4.2 is one word; a root may be typed or written as a sign.
  const words = (text) =>
    text.toLowerCase().replaceAll("√", "sqrt ").match(/\d+\.\d+|[\p{L}\p{N}]+/gu) ?? [];
  // The words of an entry, without accents, which not everybody types.
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "");
  const indexed = (text) => words(plain(text));
  const stem = (word) => word.replace(word.length > 6 ? /(e?s|ing|ed)$/ : word.length > 3 ? /e?s$/ : "", "");

  function meaningful(query) {
    const all = words(query);
    const kept = all.filter((word) => !FILLERS.has(word));
    return kept.length ? kept : all;
  }

  function closeness(asked, word) {
    if (word === asked || stem(word) === stem(asked)) return 3;
    if (word.startsWith(stem(asked))) return 2;
    return asked.length > 3 && word.includes(stem(asked)) ? 1 : 0;
  }

  const best = (asked, among) =>
    among.reduce((most, word) => Math.max(most, closeness(asked, word)), 0);

  function unfold({ pages, inside }) {
    const listed = pages.map(([name, number, title, part]) => ({
      title, number, part, kind: number ? "lesson" : "page", own: indexed(title),
      address: new URL(`${name}.html`, root).href,
      // A file is called by what its page is about, which a title may not say.
      beside: indexed(`${number} ${part} ${name.split("/").pop().replaceAll("_", " ")}`),
    }));
    const parts = inside.map(([title, kind, place, anchor, lesson]) => {
      const page = listed[place];
      listed[lesson]?.beside.push(...indexed(title));
      const where = kind === "term" ? translated("Glossary") : `${page.number} ${page.title}`.trim();
      return {
        title, kind, number: "", own: indexed(title), address: page.address + anchor,
        part: kind === "heading" && page.part ? `${where} · ${page.part}` : where,
        beside: kind === "heading" ? page.own : [],
      };
    });
    return [...listed, ...parts];
  }

  let loading;
  const load = () =>
    (loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL("_static/titles.js", root);
      script.onload = () => resolve(unfold(globalThis.bookTitles));
      script.onerror = reject;
      document.head.append(script);
    }));

  // The entries with the most words of the query, those that fit best first. Each
  // comes with the share of words that it has.
  function rank(entries, query) {
    const asked = meaningful(query).map(plain);
    if (!asked.length) return [];
    const phrase = asked.join(" ");
    const scored = entries.map((entry) => {
      const less = entry.kind === "lesson" ? 0.8 : 0.5;
      const fits = asked.map((word) => Math.max(best(word, entry.own), less * best(word, entry.beside)));
      const met = fits.filter(Boolean).length;
      const own = entry.own.filter((word) => best(word, asked) === 3).length / entry.own.length;
      const starts = entry.own.join(" ").startsWith(phrase) ? 1 : 0;
      const sum = fits.reduce((total, fit) => total + fit, 0) / asked.length;
      return { entry, met, score: sum + own / 2 + starts + WEIGHTS[entry.kind] };
    });
    const most = Math.max(0, ...scored.map(({ met }) => met));
    return scored
      .filter(({ met }) => met && met === most)
      .sort((a, b) => b.score - a.score)
      .map(({ entry, met }) => ({ ...entry, share: met / asked.length }));
  }

  return { load, rank, meaningful, plain, root };
})();
