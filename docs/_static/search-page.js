// The page of results: Sphinx's index finds them; here they are ordered, named by their
// chapters and shown with a sentence of prose instead of the first words around a match.
(() => {
  const MOST = 20;
  const LENGTH = 200;
  const PROSE = "p, li, dd, figcaption";
  const NOT_PROSE =
    ".highlight, .lesson-line, .lesson-install, nav, svg, table, details";

  const list = document.getElementById("search-results");
  const status = document.querySelector(".search-summary");
  status.replaceChildren();

  // One result for a page, a term or a function. First come functions of that name, and
  // lessons which titles and the glossary name; then terms; lessons before exercises.
  function collect(query, entries) {
    const named = bookSearch.rank(entries, query);
    const words = bookSearch.meaningful(query).join(" ");
    const isExact = ({ own }) => own.join(" ") === bookSearch.plain(words);
    const isFirst = (entry) => entry.kind === "lesson" || (entry.kind === "function" && isExact(entry));
    const whole = named.filter(({ share }) => share === 1);
    const first = whole.filter(isFirst);
    const ranks = new Map(first.map(({ address }, place) => [address, 300 - place]));
    const byAddress = new Map(entries.map((entry) => [entry.address, entry]));
    const found = new Map();

    function add(address, score) {
      const entry = byAddress.get(address) ?? byAddress.get(address.split("#")[0]);
      if (!entry) return;
      const key = ["term", "function"].includes(entry.kind) ? address : address.split("#")[0];
      const bonus = ranks.get(key) ?? (entry.kind === "lesson" ? 20 : 0);
      const known = found.get(key);
      if (!known || known.score < score + bonus) found.set(key, { entry: byAddress.get(key), score: score + bonus });
    }

    for (const [name, , anchor, , score] of Search._performSearch(...Search._parseQuery(words))) {
      add(new URL(`${name}.html${anchor}`, bookSearch.root).href, score);
    }
    first.forEach(({ address }) => add(address, 0));
    whole
      .filter(({ kind }) => kind === "term")
      .forEach((entry) => add(entry.address, isExact(entry) ? 100 : 50));
    if (!found.size) {
      named.filter(({ share }) => share > 0.5).forEach(({ address }, place) => add(address, -place));
    }
    // A page of terms or functions stands for nothing beside those that were found on it.
    for (const { entry } of [...found.values()]) {
      if (["term", "function"].includes(entry.kind)) found.delete(entry.address.split("#")[0]);
    }
    return [...found.values()].sort((a, b) => b.score - a.score).map(({ entry }) => entry);
  }

  function prose(article, anchor) {
    const target = anchor && article.querySelector(`#${CSS.escape(anchor)}`);
    const below = target?.matches("dt") ? target.parentElement.querySelector(`#${CSS.escape(anchor)} ~ dd`) : target;
    const blocks = [...(below ?? article).querySelectorAll(PROSE)];
    return blocks
      .filter((block) => !block.closest(NOT_PROSE) && !block.querySelector(PROSE))
      .map((block) => {
        block.querySelectorAll(".definition, .headerlink").forEach((part) => part.remove());
        return block.textContent.replace(/\s+/g, " ").trim();
      })
      .filter((text) => text.length > 40 && !text.startsWith("Sources."));
  }

  // The passage with the most words of the query, cut between words.
  function passage(texts, words) {
    const matches = (text) => words.filter((word) => text.toLowerCase().includes(word)).length;
    const text = texts.reduce((best, each) => (matches(each) > matches(best) ? each : best), texts[0] ?? "");
    const places = words.map((word) => text.toLowerCase().indexOf(word)).filter((place) => place >= 0);
    const first = places.length ? Math.min(...places) : 0;
    const from = first < LENGTH / 2 ? 0 : text.indexOf(" ", first - LENGTH / 3) + 1;
    const to = text.length - from <= LENGTH ? text.length : text.lastIndexOf(" ", from + LENGTH);
    return `${from ? "… " : ""}${text.slice(from, to)}${to < text.length ? " …" : ""}`;
  }

  function marked(text, words) {
    const line = document.createElement("p");
    line.className = "context";
    // Words are letters and numbers alone.
    const any = new RegExp(`(${words.join("|")})`, "iu");
    text.split(any).forEach((part, place) => {
      const node = place % 2 ? document.createElement("mark") : document.createTextNode(part);
      if (place % 2) node.textContent = part;
      line.append(node);
    });
    return line;
  }

  async function show({ address, number, title, part }, words) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = address;
    link.textContent = `${number} ${title}`.trim();
    item.append(link);
    if (part) {
      const where = document.createElement("span");
      where.className = "where";
      where.textContent = part;
      item.append(" ", where);
    }
    list.append(item);
    // A page that is opened from a disk may read no other: then there is no passage.
    if (location.protocol === "file:") return;
    const [page, anchor] = address.split("#");
    const answer = await fetch(page);
    if (!answer.ok) return;
    const article = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[role=main]");
    const text = passage(prose(article, anchor).slice(0, anchor ? 1 : undefined), words);
    if (text) item.append(marked(text, words));
  }

  function more(results, words) {
    results.slice(0, MOST).forEach((entry) => show(entry, words));
    const left = results.slice(MOST);
    if (!left.length) return;
    const button = document.createElement("button");
    button.className = "btn";
    button.textContent = translated("Show {n} more", { n: Math.min(MOST, left.length) });
    button.addEventListener("click", () => {
      button.remove();
      more(left, words);
      list.children[list.childElementCount - Math.min(MOST, left.length)].querySelector("a").focus();
    });
    list.after(button);
  }

  Search.performSearch = (query) => {
    status.textContent = translated("Searching …");
    if (Search.hasIndex()) Search.query(query);
    else Search.deferQuery(query);
  };

  Search.query = async (query) => {
    const results = collect(query, await bookSearch.load());
    const n = results.length;
    status.textContent = n > 1 ? translated("{n} results for “{query}”", { n, query })
      : n ? translated("One result for “{query}”", { query }) : translated("No results for “{query}”", { query });
    more(results, bookSearch.meaningful(query).map((word) => word.replace(/s$/, "")));
  };
})();
