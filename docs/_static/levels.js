// Shows only the lessons of one level. The fragment of the address keeps it, as #level-core,
// since a page that is opened from a disk may not change the rest of its address.
(() => {
  const form = document.querySelector("form.levels");
  if (!form) return;
  const cards = [...document.querySelectorAll(".lessons > li")];
  const { level } = form.elements;
  const said = form.querySelector("output");

  function show() {
    const all = level.value === "level-all";
    for (const card of cards) card.hidden = !all && !card.classList.contains(level.value);
    for (const list of document.querySelectorAll("ul.lessons")) {
      list.hidden = !list.querySelector(":scope > li:not([hidden])");
    }
    const shown = cards.filter((card) => !card.hidden).length;
    said.textContent = all
      ? ""
      : form.dataset.shown.replace("{shown}", shown).replace("{all}", cards.length);
  }

  // Also when the reader goes back; other fragments lead to a heading and change nothing.
  function read() {
    const wanted = location.hash.slice(1);
    if ([...level].some((choice) => choice.value === wanted)) level.value = wanted;
    show();
  }

  form.addEventListener("change", () => {
    // This does not scroll to the choice, as following a link would.
    history.replaceState(null, "", `#${level.value}`);
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", read);
  form.hidden = false;
  read();
})();
