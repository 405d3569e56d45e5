// Save figures as self-contained SVG, black on white, and tables as CSV.
import { draw, fill, local, make } from "./core.js";

// A name that every system takes, from any words.
const slug = (name) => name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");

export const download = (name, type, text) => {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })),
    download: `${slug(name)}.${type.match(/csv|svg/)}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

// Mixed colours are written in a way that not every program reads.
const plain = (colour) => colour.replace(/color\(srgb ([\d. ]+?)(?: \/ ([\d.]+))?\)/g,
  (_, rgb, alpha) => `rgb(${rgb.split(" ").map((c) => Math.round(255 * c)).join(", ")}${alpha ? `, ${alpha}` : ""})`);

const LOOK = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-opacity",
  "fill-opacity", "paint-order", "font-family", "font-size", "font-weight", "font-style", "text-anchor"];

// A copy of a drawing that looks the same without the page's styles.
const flat = (svg) => {
  const copy = svg.cloneNode(true);
  const walk = (node, to, before) => {
    const style = getComputedStyle(node);
    if (style.display === "none" || style.visibility === "hidden") return to.remove();
    const now = LOOK.map((name) => plain(style.getPropertyValue(name)));
    LOOK.forEach((name, i) => (now[i] === before[i] ? to.removeAttribute(name) : to.setAttribute(name, now[i])));
    if (style.opacity !== "1") to.setAttribute("opacity", style.opacity);
    if (style.textDecorationLine === "underline") to.setAttribute("text-decoration", "underline");
    to.removeAttribute("class");
    to.removeAttribute("style");
    const pairs = [...node.children].map((child, i) => [child, to.children[i]]);
    for (const [child, twin] of pairs) walk(child, twin, now);
  };
  walk(svg, copy, []);
  return copy;
};

// A mask filled with the colour behind it.
const filled = (node) => {
  const { width, height } = node.source;
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(node).backgroundColor;
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "destination-in";
  context.drawImage(node.source, 0, 0);
  return canvas;
};

// Draw a box of the page with its texts, bars, images and drawings.
const picture = (box) => {
  const frame = box.getBoundingClientRect();
  const svg = draw("svg", { width: (frame.width | 0) + 17, height: (frame.height | 0) + 17 });
  const place = (part) => {
    const { x, y, width, height } = part.getBoundingClientRect();
    return { x: x - frame.x + 8, y: y - frame.y + 8, width, height };
  };
  // Line by line, as the page breaks it.
  const write = (node) => {
    const { color, font } = getComputedStyle(node.parentNode);
    const range = new Range();
    let [line, low, end] = [null, 0, 0];
    for (const c of node.data) {
      range.setStart(node, end);
      range.setEnd(node, (end += c.length));
      const { x, y, height } = place(range);
      if (y > low) {
        svg.append(line = draw("text", { x, y: y + 0.8 * height, fill: plain(color),
          style: `font: ${font}; white-space: pre` }));
        low = y + height / 2;
      }
      line?.append(c);
      if (x < line?.getAttribute("x")) line.setAttribute("x", x); // from right to left
    }
  };
  const add = (node) => {
    if (node instanceof Text) return write(node);
    const at = place(node);
    if (!at.width || node.matches(".tag, .hint, .foot, .tip")) return;
    if (node.localName === "svg") return svg.append(fill(flat(node), at));
    const canvas = node.source ? filled(node) : node;
    if (canvas.localName === "canvas") {
      return svg.append(draw("image", { ...at, href: canvas.toDataURL(),
        preserveAspectRatio: "none", style: "image-rendering: pixelated" }));
    }
    const style = getComputedStyle(node);
    const { backgroundColor, borderLeftColor, borderLeftStyle: edge } = style;
    if (node !== box && `${backgroundColor} ${edge}` !== "rgba(0, 0, 0, 0) none") {
      svg.append(draw("rect", { ...at, fill: plain(backgroundColor), stroke: edge !== "none" && plain(borderLeftColor),
        rx: Math.min(parseFloat(style.borderTopLeftRadius) || 0, at.height / 2) || null,
        "stroke-dasharray": edge === "dashed" && 3 }));
    }
    node.childNodes.forEach(add);
  };
  add(box);
  return svg;
};

// A button that saves a drawing, or a box of the page; `what` gives a name, either, and a
// function that completes the copy.
export const saver = (what) => make("button", { onclick: ({ target }) => {
  const { style } = target.getRootNode().host;
  const kept = style.cssText;
  style.cssText += "color-scheme: light; color: #000; --fast: 0ms; --move: 0ms";
  target.getRootNode().getAnimations().forEach((each) => each instanceof CSSTransition && each.finish());
  const [name, node, complete] = what();
  const svg = node.localName === "svg" ? flat(node) : picture(node);
  complete?.(svg);
  style.cssText = kept;
  svg.setAttribute("color", "#000");
  svg.prepend(draw("rect", { width: "100%", height: "100%", fill: "#fff" }));
  download(name, "image/svg+xml", new XMLSerializer().serializeToString(svg));
} }, "Save as SVG");

// A button that copies a table; `what` gives a name and rows of texts and numbers.
export const copier = (what) => make("button", { onclick: async ({ target }) => {
  const [name, rows] = what();
  const said = target.closest(".foot").querySelector("output");
  const csv = rows.map((row) => row.map((x) => `"${String(x).replaceAll('"', '""')}"`).join()).join("\n");
  try {
    await navigator.clipboard.writeText(csv);
    said.textContent = local(`Copied: ${name}.`);
  } catch {
    download(name, "text/csv", csv);
    said.textContent = local("The clipboard can’t be used here: saved as a file.");
  }
} }, "Copy as CSV");
