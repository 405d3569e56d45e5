// The words of a model whose vocabulary is small, by the classes of its grammar.
import { make } from "./core.js";

const CLASSES = { WOMEN: "women", MEN: "men", COLOURS: "colours", THINGS: "things", ANIMALS: "animals", PLACES: "places", DEEDS: "deeds",
  MOODS: "moods", OF_ANIMALS: "of animals", OF_THINGS: "of things", NOTES: "notes", TIMES: "times" };

export const wordList = (x) => {
  const summary = make("summary");
  const says = make("p");
  const groups = make("div", { class: "groups" });
  const node = make("details", { class: "words", ontoggle: () => show() }, summary, says, groups);
  let shown, buttons;

  const group = (name, ids) => make("div", { role: "group", "aria-label": name }, make("span", {}, name), ...ids.map((id) => (buttons[id] =
    make("button", { onclick: () => (x.keep(), x.append(id)) }, x.engine.name(id)))));

  const build = ({ language, ids, words }) => {
    buttons = [];
    const named = Object.entries(CLASSES).map(([key, name]) => [name, language[key].map((word) => ids.get(word))]);
    const others = words.map((_, id) => id).filter((id) => !named.some(([, list]) => list.includes(id)));
    summary.textContent = `All ${words.length} words of the toy`;
    groups.replaceChildren(...[...named, ["other words", others]].map((each) => group(...each)));
  };

  const show = () => {
    const { engine, seen, tokens, q } = x;
    node.hidden = !engine.language;
    if (node.hidden || !node.open && shown === engine) return;
    if (shown !== engine) build(engine);
    shown = engine;
    says.textContent = `Press a word to write it after ${tokens[q]?.name ?? "the text"}. ${seen?.truth ? "The grammar allows those with a frame." : ""}`;
    buttons.forEach((button, id) => {
      button.disabled = !engine.ready;
      button.classList.toggle("fits", !!seen?.truth?.has(id));
    });
  };
  return { node, show };
};

export const WORDS = `
.words { margin: 4px 0; } .words > summary { display: block; width: max-content; padding: 8px 14px; font-weight: 400; border-color: var(--line-strong); }
.words p { margin: 6px 0; color: var(--soft); font-size: 13px; }
.groups { display: flex; flex-wrap: wrap; gap: 6px 24px; } .groups > div { display: flex; flex-wrap: wrap; gap: 2px; align-items: center; }
.groups span { margin-right: 4px; color: var(--soft); font-size: 13px; }
.groups button { padding: 0 8px; min-height: 28px; border-color: #0000; border-radius: 8px; background: var(--sunk); font: 400 16px var(--serif); } .groups .fits { border-color: var(--ink); }
@container (max-width: 560px) { .groups button { min-height: 40px; min-width: 40px; } }`;
