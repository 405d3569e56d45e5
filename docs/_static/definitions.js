// The definition of a word shows by style alone. Here its card moves into the window and goes
// with Escape, and the first press of a finger shows it, where there is no pointer.
(() => {
  function place(word) {
    const card = word.lastElementChild;
    card.style.removeProperty("margin-left");
    // On a phone it has an end of the screen: the one where the word is not.
    const fixed = getComputedStyle(card).position === "fixed";
    const room = fixed ? innerHeight / 2 : innerHeight - card.offsetHeight;
    card.classList.toggle("above", word.getBoundingClientRect().bottom > room);
    const over = card.getBoundingClientRect().right - document.documentElement.clientWidth + 12;
    if (over > 0 && !fixed) card.style.marginLeft = `${-over}px`;
  }

  const wordOf = (event) => event.target.closest?.(".defined");
  for (const kind of ["pointerover", "focusin"]) {
    addEventListener(kind, (event) => wordOf(event) && place(wordOf(event)));
  }
  for (const kind of ["pointerout", "focusout"]) {
    addEventListener(kind, (event) => wordOf(event)?.classList.remove("shut"));
  }
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const word of document.querySelectorAll(".defined")) {
      word.classList.remove("open");
      word.classList.toggle("shut", word.matches(":hover, :focus-within"));
    }
  });
  addEventListener("click", (event) => {
    const word = wordOf(event);
    const first = event.pointerType === "touch" && word && !word.classList.contains("open");
    if (first) event.preventDefault();
    for (const open of document.querySelectorAll(".defined.open")) open.classList.toggle("open", open === word);
    if (first) {
      word.classList.add("open");
      place(word);
    }
  });
})();
