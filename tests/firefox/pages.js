// Open every page of a built book in Firefox: node pages.js FOLDER FIREFOX
//
// Each has to load without a message, with every view drawn, and to fit a phone; one
// view of each kind has to answer to the pointer and to keys.
import { readFile, readdir } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import puppeteer from "puppeteer-core";
import { serve, watch } from "./site.js";

const [, , folder, firefox] = process.argv;
const root = resolve(folder);

const { origin, server } = await serve(root);

// Tests of other browsers use it, too.
const tooWide = await readFile(new URL("../browser/too_wide.js", import.meta.url), "utf8");

// The functions up to "visit" run in the page.

/** Wait for the views; return the tag of each, and whether something is drawn in it. */
async function views() {
  const found = [...document.querySelectorAll("[data-title]")];
  return Promise.all(found.map(async (view) => {
    await customElements.whenDefined(view.localName);
    await view.ready;
    const drawings = view.shadowRoot.querySelectorAll("svg, canvas, table, button");
    const drawn = [...drawings].some((node) => {
      const { width, height } = node.getBoundingClientRect();
      return width > 20 && height > 20;
    });
    return [view.localName, drawn];
  }));
}

/** Return all that the first view of a kind says, once it has computed and drawn. */
async function said(kind) {
  const view = document.querySelector(kind);
  if (view.settled) {
    await view.settled();
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
  const outputs = view.shadowRoot.querySelectorAll("output");
  return [...outputs].map((output) => output.textContent).join("\n");
}

/** Give the keys to the nth part of the view that takes them; false at the end. */
function focusOn(kind, n) {
  const ways = "[tabindex='0'], input, select, .strip button, [role='grid'] button, .bars button";
  const parts = [...document.querySelector(kind).shadowRoot.querySelectorAll(ways)]
    .filter((part) => part.checkVisibility());
  parts[n]?.focus({ focusVisible: true });
  return n < parts.length;
}

/** Return where the nth part of the view is, once it is in sight; null at the end. */
function place(kind, n) {
  const parts = [...document.querySelector(kind).shadowRoot
    .querySelectorAll("button, svg, canvas, td, rect, circle, .heat")];
  const part = parts.filter((one) => one.checkVisibility())[n];
  part?.scrollIntoView({ block: "center", behavior: "instant" });
  const box = part?.getBoundingClientRect();
  return box ? [box.x + box.width / 2, box.y + box.height / 2] : null;
}

async function answersToPointer(page, kind) {
  const before = await page.evaluate(said, kind);
  for (let n = 0, at; (at = await page.evaluate(place, kind, n)); n += 1) {
    if (at[0] > 0 && at[0] < 1280) await page.mouse.move(...at);
    if (await page.evaluate(said, kind) !== before) return true;
  }
  // A view whose parts answer only when they are pressed.
  await page.mouse.click(...await page.evaluate(place, kind, 0));
  return await page.evaluate(said, kind) !== before;
}

async function answersToKeys(page, kind) {
  for (let n = 0; await page.evaluate(focusOn, kind, n); n += 1) {
    for (const key of ["ArrowRight", "ArrowDown", "Enter"]) {
      const before = await page.evaluate(said, kind);
      await page.keyboard.press(key);
      if (await page.evaluate(said, kind) !== before) return true;
    }
  }
  return false;
}

const tried = new Set();

async function visit(page, name, complaints) {
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(`${origin}/${name}`, { waitUntil: "load" });
  const drawn = await page.evaluate(views);
  for (const [kind, isDrawn] of drawn) {
    if (!isDrawn) complaints.push(`${kind} is empty`);
    if (tried.has(kind)) continue;
    tried.add(kind);
    if (!await answersToPointer(page, kind)) complaints.push(`${kind} ignores the pointer`);
    if (!await answersToKeys(page, kind)) complaints.push(`${kind} ignores keys`);
    await page.mouse.move(1, 1); // where nothing shows a tip
  }
  await page.setViewport({ width: 390, height: 800 });
  for (const box of await page.evaluate(`(${tooWide})()`)) complaints.push(`too wide: ${box}`);
}

const files = (await readdir(root, { recursive: true, withFileTypes: true }))
  .map((file) => relative(root, join(file.parentPath, file.name)))
  .filter((name) => name.endsWith(".html") && !name.startsWith("_static"))
  .sort();
const browser = await puppeteer.launch({ browser: "firefox", executablePath: firefox });
const page = await browser.newPage();
let complaints = [];
watch(page, origin, (complaint) => complaints.push(complaint));

let failed = 0;
for (const name of files) {
  complaints = [];
  try {
    await visit(page, name, complaints);
  } catch (error) {
    complaints.push(String(error));
  }
  if (complaints.length) failed += 1;
  for (const complaint of new Set(complaints)) console.log(`${name}: ${complaint}`);
}
console.log(`${await browser.version()}: ${files.length} pages, ${failed} with complaints; `
  + `driven: ${[...tried].sort().join(", ")}`);
await browser.close();
server.close();
process.exit(failed || !files.length ? 1 : 0);
