// A message in the language of the page, with what its {names} stand for. words.js, on pages that
// are not in English, has the translations.
globalThis.translated = (message, values = {}) =>
  (globalThis.lmvizWords?.(message) ?? message).replace(/\{(\w+)\}/g, (_, name) => values[name]);

// "/" leads to the search, as on many sites.
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    document.getElementById("find").focus();
  }
});

// What is wider than the page scrolls, and not every browser lets keys do it.
const scrollers = document.querySelectorAll("pre, .table-wrapper, .figure-scroller, div.math");
const measure = (box) => {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
};
const sized = new ResizeObserver((entries) => entries.forEach(({ target }) => measure(target)));
scrollers.forEach((box) => sized.observe(box));
// Another font changes the width of what is inside, and not that of the box.
document.fonts.ready.then(() => scrollers.forEach(measure));
