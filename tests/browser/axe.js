// Run axe on a page or one of its elements; return what it finds. The contrast is
// measured on two texts, the longest, of each ink on each ground: code has hundreds.
async ([selector, rules]) => {
  const every = (root) => [...root.querySelectorAll("*")].flatMap((e) =>
    [e, ...(e.shadowRoot ? every(e.shadowRoot) : [])]);

  const known = new Map();
  const ground = (e) => {
    if (!e) return "";
    if (!known.has(e)) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(e);
      const own = [backgroundColor, backgroundImage, opacity].join(" ");
      const below = ground(e.assignedSlot ?? e.parentElement ?? e.getRootNode().host);
      known.set(e, own === "rgba(0, 0, 0, 0) none 1" ? below : `${below}|${own}`);
    }
    return known.get(e);
  };
  const ink = (e) => {
    const { color, fontSize, fontWeight, textShadow } = getComputedStyle(e);
    // Axe leaves out what is disabled.
    const on = !e.closest(":disabled, [aria-disabled=true], label");
    const drawn = e instanceof SVGElement;
    return [color, fontSize, fontWeight, textShadow, on, drawn, ground(e)].join();
  };
  const letters = (e) => [...e.childNodes].reduce((sum, node) =>
    sum + (node.nodeType === Node.TEXT_NODE ? node.data.trim().length : 0), 0);

  const written = every(document.body).filter((e) =>
    letters(e) && e.checkVisibility({ visibilityProperty: true }));
  const fields = every(document.body).filter((e) => e.matches("input, select"));
  const inks = Map.groupBy(written.sort((a, b) => letters(b) - letters(a)), ink);
  const chosen = [...inks.values()].flatMap((of) => of.slice(0, 2)).concat(fields);
  chosen.forEach((e) => e.toggleAttribute("data-ink", true));
  axe.configure({ rules: [{ id: "color-contrast", selector: "[data-ink]" }] });

  // It would fetch style sheets again, and those they import from a wrong place.
  const options = { preload: false, resultTypes: ["violations"] };
  if (rules) options.runOnly = { type: "rule", values: rules };
  const { violations } = await axe.run(selector ?? document, options);
  chosen.forEach((e) => e.removeAttribute("data-ink"));
  return violations.map(({ id, nodes }) => [id, nodes.map(({ target }) => target)]);
}
