// A model in a worker: questions with promises for answers, and what it reports on the way.

export class Remote {
  // `address` is that of worker.js; `report` gets progress, layers and effects as they come.
  constructor(address, report) {
    this.waiting = new Map();
    this.asked = 0;
    this.worker = new Worker(address, { type: "module" });
    this.worker.onmessage = ({ data }) => {
      if (data.kind !== "answer") return report(data);
      const { done, fail } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error) fail(new Error(data.error));
      else done(data.found);
    };
    this.worker.onerror = (event) => {
      const error = new Error(event.message || "The worker could not be started.");
      for (const { fail } of this.waiting.values()) fail(error);
      this.waiting.clear();
    };
  }

  // Null as an answer: a newer question of this kind, or a newer text, came in between.
  ask(kind, question) {
    const id = ++this.asked;
    return new Promise((done, fail) => {
      this.waiting.set(id, { done, fail });
      this.worker.postMessage({ kind, id, ...question });
    });
  }
}
