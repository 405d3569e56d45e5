// The field in the bar lists what fits while one types: a combobox with a listbox. Enter
// without a choice goes to the page that searches the whole text.
(() => {
  const MOST = 8;
  const field = document.getElementById("find");
  const form = field.form;
  const list = document.createElement("div");
  list.id = "found";
  list.className = "found";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", translated("Pages, headings and terms"));
  form.append(list);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false",
  })) field.setAttribute(name, value);

  let chosen = -1;

  function choose(place) {
    const options = [...list.children];
    // Beyond either end nothing is chosen.
    const stops = options.length + 1;
    chosen = ((place + 1 + stops) % stops) - 1;
    options.forEach((option, at) => option.setAttribute("aria-selected", at === chosen));
    const option = options[chosen];
    if (option) field.setAttribute("aria-activedescendant", option.id);
    else field.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  function close() {
    list.hidden = true;
    list.replaceChildren();
    field.setAttribute("aria-expanded", "false");
    choose(-1);
  }

  function option(address, title, where, number = "") {
    const link = document.createElement("a");
    link.href = address;
    link.tabIndex = -1;
    link.setAttribute("role", "option");
    link.setAttribute("aria-selected", "false");
    link.id = `found-${list.childElementCount}`;
    for (const [name, text] of [["number", number], ["title", title], ["where", where]]) {
      if (!text) continue;
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      link.append(part, " ");
    }
    list.append(link);
  }

  async function show() {
    const query = field.value.trim();
    if (!query) return close();
    const entries = await bookSearch.load();
    // Only the last query counts, and a reader may have left.
    if (query !== field.value.trim() || document.activeElement !== field) return;
    list.replaceChildren();
    for (const { address, title, part, number } of bookSearch.rank(entries, query).slice(0, MOST)) {
      option(address, title, part, number);
    }
    option(`${form.action}?q=${encodeURIComponent(query)}`, translated("Search the text for “{query}”", { query }), "");
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    choose(-1);
  }

  const onKey = {
    ArrowDown: () => (list.hidden ? show() : choose(chosen + 1)),
    ArrowUp: () => choose(chosen - 1),
    Escape: () => {
      if (!list.hidden) close();
      else if (field.value) field.value = "";
      else field.blur();
    },
  };
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      list.children[chosen].click();
    } else if (onKey[event.key]) {
      event.preventDefault();
      onKey[event.key]();
    }
  });
  field.addEventListener("focus", () => bookSearch.load().then(show, () => {}));
  field.addEventListener("input", show);
  // A press in the list must not take the focus, which would close it.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", () => field.blur());
  field.addEventListener("blur", close);
})();
