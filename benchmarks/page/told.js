// What a page tells the site that serves it, once it has settled.

export const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const stored = async () => {
  const sizes = (await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).length);
  return (await Promise.all(sizes)).reduce((sum, n) => sum + n, 0);
};

// Its caches have not changed for a second.
const settle = async () => {
  for (let before = -1, now; (now = await stored()) !== before; before = now) await wait(1000);
};

export const tell = async (what) => {
  await settle();
  await fetch("/told", { method: "POST", body: JSON.stringify(what) });
};
