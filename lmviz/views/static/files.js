// The files of weights: fetched one after the other, checked, and kept for the next visit.

const PREFIX = "lmviz/", TRIES = 3, WAIT = 500;
const SILENCE = 30_000; // after which a connection that sends nothing is given up

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

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

// The bytes at an address; an error if none arrive for a time.
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
    const found = new Uint8Array(bytes);
    let size = 0;
    for (const reader = response.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      heard();
      if (size + value.length <= bytes) found.set(value, size);
      size += value.length;
    }
    if (size !== bytes) throw new Error(`it has ${size} bytes, not ${bytes}`);
    return found.buffer;
  } finally {
    clearTimeout(timer);
  }
};

// `index` lists files with their sizes and SHA-256; they are below `address`.
export const files = async (address, { release, silence = SILENCE }) => {
  const storage = await open(release);
  // What has arrived damaged may also be in the browser's own cache, which `reload` passes by.
  const doubtful = new Set();

  const checked = async ({ name, bytes, sha256 }) => {
    const buffer = await download(new URL(name, address), doubtful.has(name) ? "reload" : "no-cache", bytes, silence);
    // Without https, a page has neither checksums nor storage.
    if (globalThis.crypto?.subtle && hex(await crypto.subtle.digest("SHA-256", buffer)) !== sha256)
      throw new Error("its checksum is wrong");
    return buffer;
  };

  const stored = async ({ name }) => (await storage?.match(new URL(name, address)))?.arrayBuffer();

  const load = async (file) => {
    const kept = await stored(file).catch(() => null);
    if (kept?.byteLength === file.bytes) return kept;
    for (let tried = 1; ; tried++) {
      try {
        const found = await checked(file);
        // A full quota is no reason to stop.
        storage?.put(new URL(file.name, address), new Response(found)).catch(() => {});
        return found;
      } catch (error) {
        doubtful.add(file.name);
        if (tried === TRIES) throw new Error(`${file.name} could not be loaded: ${error.message}.`);
        await wait(WAIT * 2 ** tried);
      }
    }
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
