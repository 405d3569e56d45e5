// A labelled select element.
import { make } from "./core.js";

export const choice = (label, names, value, changed) => make("label", {}, label,
  make("span", { class: "pick" }, make("select", { onchange: (event) => changed(event.target.value) },
    ...names.map((name) => make("option", { value: name, selected: name === value }, name)))));
