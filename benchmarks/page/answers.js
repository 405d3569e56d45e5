// What the workers of all alternatives share: questions, and files that are kept.

export const answer = (questions) => {
  onmessage = async ({ data: { kind, id, ...question } }) => {
    try {
      postMessage({ kind: "answer", id, found: await questions[kind](question) });
    } catch (error) {
      postMessage({ kind: "answer", id, error: String(error) });
    }
  };
};

// As large as they are, they would not fit into the HTTP cache.
export const kept = async (address) => {
  const storage = await caches.open("benchmark");
  const found = await storage.match(address);
  if (found) return found.arrayBuffer();
  const response = await fetch(address, { cache: "no-store" });
  if (!response.ok) throw new Error(`the server answered ${response.status} for ${address}`);
  const buffer = await response.arrayBuffer();
  storage.put(address, new Response(buffer)); // beside what follows
  return buffer;
};
