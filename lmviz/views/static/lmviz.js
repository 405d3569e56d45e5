// A site loads this on every page: each view that the page shows has its own file.
globalThis.lmvizFolder = new URL(".", import.meta.url).href;
const names = Array.from(document.querySelectorAll("*"), ({ localName }) => localName);
for (const name of new Set(names.filter((name) => name.startsWith("lmviz-")))) {
  import(`./${name.slice("lmviz-".length)}.js`);
}
