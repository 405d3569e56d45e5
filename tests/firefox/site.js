// A folder as a site on localhost, and what a page of it complains about.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";

const TYPES = {
  ".css": "text/css", ".gz": "application/gzip", ".html": "text/html; charset=utf-8",
  ".js": "text/javascript", ".json": "application/json", ".png": "image/png",
  ".svg": "image/svg+xml", ".woff2": "font/woff2",
};

/** Serve a folder; `asked` lists the paths of all requests. */
export async function serve(root) {
  const asked = [];
  const server = createServer(async (request, answer) => {
    const name = decodeURIComponent(new URL(request.url, "http://x").pathname);
    asked.push(name);
    try {
      const body = await readFile(join(root, name));
      answer.writeHead(200, { "content-type": TYPES[extname(name)] ?? "text/plain" });
      answer.end(body);
    } catch {
      answer.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { origin: `http://127.0.0.1:${server.address().port}`, server, asked };
}

/** Report messages, requests to other sites and failed ones. */
export function watch(page, origin, complain) {
  page.on("console", (message) => complain(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complain(`error: ${error.message}`));
  page.on("request", (request) => {
    const own = [origin, "data:", "blob:"].some((start) => request.url().startsWith(start));
    if (!own) complain(`left the page: ${request.url()}`);
  });
  page.on("requestfailed", (request) => complain(`failed: ${request.url()}`));
  page.on("response", (answer) => {
    if (answer.status() >= 400) complain(`${answer.status()}: ${answer.url()}`);
  });
}
