// What a site loads on every page: the views that the page shows, each from its own file.
const names = Array.from(document.querySelectorAll("*"), ({ localName }) => localName);
for (const name of new Set(names.filter((name) => name.startsWith("lmviz-")))) {
  import(`./${name.slice("lmviz-".length)}.js`);
}
