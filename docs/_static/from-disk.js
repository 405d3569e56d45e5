// Browsers load no modules from a disk, so there each view gets a plain script.
if (location.protocol === "file:") {
  const here = document.currentScript.src;
  addEventListener("DOMContentLoaded", () => {
    const names = [...document.querySelectorAll("[data-title]")].map((e) => e.localName);
    for (const name of new Set(names.filter((name) => name.startsWith("lmviz-")))) {
      const script = document.createElement("script");
      script.src = new URL(`from-disk/${name.slice("lmviz-".length)}.js`, here);
      document.head.append(script);
    }
  });
}
