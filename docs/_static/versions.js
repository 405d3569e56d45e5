// Links to the same page in the site's other versions, from its list of them. There are
// none for a book on a disk, or in only one version.
(async () => {
  const group = document.getElementById("versions");
  if (!group) return;
  const { list, page, version } = group.dataset;
  const ours = (url) => new URL(url, list).origin === location.origin;
  if (!ours(list)) return;
  const answer = await fetch(list).catch(() => null);
  if (!answer?.ok) return;
  const versions = (await answer.json()).filter(({ url }) => ours(url));
  if (versions.length < 2) return;
  const link = (into, { url }) => { into.href = new URL(page, url).href; };
  for (const one of versions) {
    const choice = group.appendChild(document.createElement("a"));
    choice.textContent = one.name;
    choice.rel = "alternate";
    link(choice, one);
    if (one.version === version) choice.setAttribute("aria-current", "true");
  }
  group.hidden = false;
  const newest = versions.find(({ preferred }) => preferred);
  const note = document.getElementById("other-version");
  if (newest && newest.version !== version && note) {
    link(note.querySelector("a"), newest);
    note.hidden = false;
  }
})();
