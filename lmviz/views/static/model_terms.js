// Terms that lead to the glossary, where the page around the view links to it: a card with the
// definition that the page has, as in the lessons.
import { make } from "./core.js";

const MARGIN = 12;
let cards = 0;

// A term by its anchor in the glossary; elsewhere than in the book it is plain text.
export const term = (anchor, text = anchor.replaceAll("-", " ")) => {
  const link = document.querySelector(`.defined > a[href$="#term-${anchor}"]`);
  if (!link) return make("span", {}, text);
  const id = `card-${cards++}`;
  const card = make("span", { class: "card", role: "tooltip", popover: "auto", id }, ...link.nextElementSibling.cloneNode(true).childNodes);
  const place = () => {
    card.showPopover();
    const { left, top, bottom } = whole.getBoundingClientRect();
    const below = bottom + card.offsetHeight < innerHeight - MARGIN;
    card.style.left = `${scrollX + Math.max(MARGIN, Math.min(left, innerWidth - card.offsetWidth - MARGIN))}px`;
    card.style.top = `${scrollY + (below ? bottom : Math.max(MARGIN, top - card.offsetHeight))}px`;
  };
  let wasOpen;
  const whole = make("span", { class: "term",
    onpointerenter: ({ pointerType }) => pointerType !== "touch" && place(),
    onpointerleave: ({ pointerType }) => pointerType !== "touch" && card.hidePopover(),
    onpointerdown: () => (wasOpen = card.matches(":popover-open")),
    onfocusin: ({ target }) => target.matches(":focus-visible") && place(),
    onfocusout: () => card.hidePopover(),
    // A finger has no other way to see the card.
    onclick: (event) => event.pointerType === "touch" && !wasOpen && (event.preventDefault(), place()) },
  make("a", { href: link.href, "aria-describedby": id }, text), card);
  return whole;
};

export const TERMS = `
.term a { color: inherit; text-decoration: underline dotted; text-underline-offset: 3px; }
/* It scrolls with the page. */
.card { margin: 0; position: absolute; inset: auto; width: 19rem; max-width: calc(100vw - 24px); padding: 12px 16px; border: 1px solid var(--line-strong); border-radius: 8px;
  background: var(--raised); color: var(--ink); box-shadow: var(--shadow); font: 400 14px/1.45 var(--sans); white-space: normal; }
@media (hover: none) { .card::after { content: "Press again for the glossary."; display: block; margin-top: 4px; color: var(--weight); } }`;
