// Name what sticks out of the page, unless a box around it scrolls.
() => {
  const every = (root) => [...root.querySelectorAll("*")].flatMap((e) =>
    [e, ...(e.shadowRoot ? every(e.shadowRoot) : [])]);
  const over = (e) => e.parentElement ?? e.getRootNode().host;
  const held = (e) => {
    for (let at = over(e); at && at !== document.body; at = over(at)) {
      if (getComputedStyle(at).overflowX !== "visible") return true;
    }
    return false;
  };
  return every(document.body).filter((e) => {
    const { width, left, right } = e.getBoundingClientRect();
    return width && (right > innerWidth + 1 || left < -1)
      && e.checkVisibility({ visibilityProperty: true }) && !held(e);
  }).map((e) => `${e.localName}.${e.getAttribute("class")}`);
}
