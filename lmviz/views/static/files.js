// The files of a model: fetched, checked, and those of weights kept for the next visit.

const PREFIX = "lmviz/", TRIES = 3, WAIT = 500;
const SILENCE = 30_000; // after which a connection that sends nothing is given up

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const digits = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

// Storage of these files alone; older releases are deleted. Null where a browser has none.
const open = async (release) => {
  try {
    for (const name of await caches.keys())
      if (name.startsWith(PREFIX) && name !== PREFIX + release) await caches.delete(name);
    return await caches.open(PREFIX + release);
  } catch {
    return null;
  }
};

// Whether a file has its checksum. Without https, a page has neither checksums nor storage.
const right = async (buffer, { sha256 }) =>
  !sha256 || !globalThis.crypto?.subtle || digits(await crypto.subtle.digest("SHA-256", buffer)) === sha256;

// The bytes at an address, as many as there should be if that is known; an error if none arrive
// for a time.
const download = async (address, cache, bytes, silence) => {
  const stop = new AbortController();
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(new Error("the server stopped sending")), silence);
  };
  try {
    heard();
    const response = await fetch(address, { cache, signal: stop.signal });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    if (bytes == null) return await response.arrayBuffer();
    const found = new Uint8Array(bytes);
    let size = 0;
    for (const reader = response.body?.getReader(); reader;) {
      const { done, value } = await reader.read();
      if (done) break;
      heard();
      if (size + value.length > bytes) throw new Error(`it has more than ${bytes} bytes`);
      found.set(value, size);
      size += value.length;
    }
    if (size !== bytes) throw new Error(`it has ${size} bytes, not ${bytes}`);
    return found.buffer;
  } catch (error) {
    // Each browser has words of its own for this.
    throw error instanceof TypeError ? new Error("the connection failed") : error;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
};

// What has arrived damaged may also be in the browser's own cache, which `reload` passes by.
const doubtful = new Set();

// A file below an address, tried several times. Its size and SHA-256 are checked if they are known,
// and what it says of itself by `valid`.
export const fetchFile = async (file, address, { silence = SILENCE, valid = () => true } = {}) => {
  const { href } = new URL(file.name, address);
  for (let tried = 1; ; tried++) {
    try {
      const found = await download(href, doubtful.has(href) ? "reload" : "no-cache", file.bytes, silence);
      if (!(await right(found, file))) throw new Error("its checksum is wrong");
      if (!valid(found)) throw new Error("it is damaged");
      return found;
    } catch (error) {
      doubtful.add(href);
      if (tried === TRIES) throw new Error(`${file.name} could not be loaded: ${error.message}.`);
      await wait(WAIT * 2 ** tried);
    }
  }
};

// `index` lists files with their sizes and SHA-256; they are below `address`.
export const files = async (address, { release, silence }) => {
  const storage = await open(release);

  const stored = async (file) => {
    const buffer = await (await storage?.match(new URL(file.name, address)))?.arrayBuffer();
    return buffer?.byteLength === file.bytes && (await right(buffer, file)) ? buffer : null;
  };

  const load = async (file) => {
    const kept = await stored(file).catch(() => null);
    if (kept) return kept;
    const found = await fetchFile(file, address, { silence });
    // A full quota is no reason to stop.
    storage?.put(new URL(file.name, address), new Response(found)).catch(() => {});
    return found;
  };

  return {
    received: 0,
    async get(file) {
      const buffer = await load(file);
      this.received += file.bytes;
      return buffer;
    },
  };
};
