// Save figures as self-contained SVG, black on white.
import { draw, fill, make } from "./core.js";

export const download = (name, type, text) => {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
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
        svg.append(line = draw("text", { x, y: y + 0.8 * height, fill: color,
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
    if (!at.width) return;
    if (node.localName === "svg") return svg.append(fill(node.cloneNode(true), at));
    if (node.localName === "canvas") svg.append(draw("image", { ...at, href: node.toDataURL(),
      preserveAspectRatio: "none", style: "image-rendering: pixelated" }));
    const { backgroundColor, borderLeftColor, borderLeftStyle: edge } = getComputedStyle(node);
    if (`${backgroundColor} ${edge}` !== "rgba(0, 0, 0, 0) none") {
      svg.append(draw("rect", { ...at, fill: backgroundColor, stroke: edge !== "none" && borderLeftColor,
        "stroke-dasharray": edge === "dashed" && 3 }));
    }
    node.childNodes.forEach(add);
  };
  add(box);
  return svg;
};

// A button that saves a drawing, or a box of the page; `what` gives a name and either.
export const saver = (what) => make("button", { onclick: ({ target }) => {
  const { style } = target.getRootNode().host;
  const kept = style.cssText;
  style.cssText += "color-scheme: light; color: #000; --line: #bbb; --soft: #eee";
  const [name, node] = what();
  const svg = node.localName === "svg" ? node.cloneNode(true) : picture(node);
  style.cssText = kept;
  svg.setAttribute("color", "#000");
  svg.prepend(draw("rect", { width: "100%", height: "100%", fill: "#fff" }));
  download(`${name}.svg`, "image/svg+xml", new XMLSerializer().serializeToString(svg));
} }, "save as SVG");
