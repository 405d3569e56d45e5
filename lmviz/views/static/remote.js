// A model in a worker: questions with promises for answers, and what it reports on the way.

export class Remote {
  // `address` is that of worker.js; `report` gets progress, layers and effects as they come.
  constructor(address, report) {
    Object.assign(this, { address, report, waiting: new Map(), asked: 0 });
  }

  #start() {
    const worker = new Worker(this.address, { type: "module" });
    let runs = false;
    worker.onmessage = ({ data }) => {
      runs = true;
      if (data.kind !== "answer") return this.report(data);
      const { done, fail } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) fail(new Error(data.error));
      else done(data.found);
    };
    worker.onerror = (event) => {
      const error = new Error(event.message || "The script of the model could not be loaded.");
      for (const { fail } of this.waiting.values()) fail(error);
      this.waiting.clear();
      if (runs) return;
      worker.terminate();
      this.worker = null; // the next question starts it again
    };
    return worker;
  }

  // Null as an answer: a newer question of this kind, or a newer text, came in between.
  ask(kind, question) {
    const id = ++this.asked;
    return new Promise((done, fail) => {
      this.waiting.set(id, { done, fail });
      this.worker ??= this.#start();
      this.worker.postMessage({ kind, id, ...question });
    });
  }
}
