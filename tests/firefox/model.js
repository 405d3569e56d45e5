// Run SmolLM2 in Firefox and compare it with torch: node model.js FOLDER FIREFOX
//
// write_model_site.py has written the folder, with torch's numbers.
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import puppeteer from "puppeteer-core";
import { serve, watch } from "./site.js";

const [, , folder, firefox] = process.argv;
const root = resolve(folder);
const { cases, greedy, files } = JSON.parse(await readFile(join(root, "cases.json"), "utf8"));
const { origin, server, asked } = await serve(root);
const browser = await puppeteer.launch({ browser: "firefox", executablePath: firefox });
const complaints = [];

/** Open a new page and load the model; return the page and the seconds it took. */
async function visit() {
  const page = await browser.newPage();
  watch(page, origin, (complaint) => complaints.push(complaint));
  await page.goto(`${origin}/index.html`);
  const start = performance.now();
  await page.evaluate(async () => {
    window.llama = await import("./run_llama.js");
    await llama.load("model/");
  });
  return [page, ((performance.now() - start) / 1000).toFixed(1)];
}

const equal = (found, wanted) => JSON.stringify(found) === JSON.stringify(wanted);
const [page, first] = await visit();
const most = [0, 0];
for (const { text, limits, ...question } of cases) {
  const ids = text == null ? question.ids : await page.evaluate(async (text) => {
    const { tokenizer } = await import("./lmviz/bpe.js");
    window.coder ??= tokenizer(await (await fetch("model/tokenizer.json")).json());
    return coder.encode(text).map(({ id }) => id);
  }, text);
  if (!equal(ids, question.ids)) complaints.push(`${JSON.stringify(text)}: other ids: ${ids}`);
  const [logits, weights] = await page.evaluate((question) => llama.differences(question), question);
  const far = !(logits <= limits[0] && weights <= limits[1]);
  if (far) complaints.push(`${JSON.stringify(text ?? question.ids)}: logits differ by ${logits}, attention by ${weights}`);
  most[0] = Math.max(most[0], logits / limits[0]);
  most[1] = Math.max(most[1], weights / limits[1]);
}
const { ids, next } = greedy;
const found = await page.evaluate((question) => llama.greedy(question), { ids, n: next.length });
if (!equal(found, next)) complaints.push(`the worker continues with ${found}, torch with ${next}`);
await page.close();

// Each file is asked for twice, by the page and by its worker; from now on, the worker has them.
const weights = () => asked.filter((name) => name.endsWith(".bin") && name.startsWith("/model/")).length;
const before = weights();
const [, second] = await visit();
if (before !== 2 * files || weights() !== before + files)
  complaints.push(`${files} files of weights: asked for ${before} times, then for ${weights() - before} more`);

for (const complaint of complaints) console.log(complaint);
console.log(`${await browser.version()}: ${cases.length} texts, at most ${most} of what is allowed from torch; `
  + `loaded in ${first} s, again in ${second} s; ${complaints.length} complaints`);
await browser.close();
server.close();
process.exit(complaints.length ? 1 : 0);
