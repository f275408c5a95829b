// The box to write into, and what waits in the queue behind it.

import { fill, h, problem, say } from "./dom.js";

const LABELS = {
  "Needs you": "Queue after your answer",
  Working: "Queue after this run",
  Ready: "Send",
  Waiting: "Queue until ready",
  Starting: "Queue until ready",
};

/** actions: send(text, runId) and remove(runId), both throw Problem. */
export class Composer {
  #runId = crypto.randomUUID();
  #queue = [];
  #busy = false;

  constructor({ project, session }, actions) {
    this.key = `draft:${project}/${session}`;
    this.actions = actions;
    this.text = h("textarea", { id: "message", rows: 2, placeholder: "What next?" });
    this.button = h("button", { type: "submit", class: "primary" }, "Send");
    this.list = h("ol", { class: "queue", "aria-label": "Queue" });
    this.trouble = h("div");
    this.hint = h("span", { class: "quiet" });
    const label = h("label", { for: "message" }, "Message");
    const form = h("form", {}, label, this.text, h("p", { class: "row" }, this.button, this.hint));
    this.node = h("div", { class: "composer" }, this.list, this.trouble, form);
    this.text.value = localStorage.getItem(this.key) ?? "";
    this.text.addEventListener("input", () => this.#changed());
    this.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  focus() {
    this.text.focus();
  }

  /** Put text into the box, after what is there. */
  put(text) {
    this.text.value = [this.text.value.trim(), text].filter(Boolean).join("\n\n");
    this.#changed();
    this.focus();
  }

  /** The ids of the runs that wait, in order. */
  queued() {
    return this.#queue.map((one) => one.runId);
  }

  setStatus(word, questions) {
    this.word = word;
    say(this.button, LABELS[word] ?? "Resume and send");
    const stopping = word === "Stopping";
    this.button.disabled = this.#busy || stopping;
    const held = questions > 0 && word !== "Needs you" ? "It waits behind the open question." : "";
    say(this.hint, stopping ? "Possible as soon as the session has stopped." : held || "⏎ sends, ⇧⏎ is a new line");
  }

  setQueue(runs) {
    const key = JSON.stringify(runs.map((one) => one.runId));
    if (key === this.shown) return;
    this.shown = key;
    this.#queue = runs;
    fill(this.list, runs.map((one) => this.#row(one)));
    this.list.hidden = !runs.length;
  }

  #row(run) {
    const text = run.prompt || "An answer";
    const remove = h("button", { type: "button", "aria-label": `Remove from the queue: ${text}` }, "Remove");
    remove.addEventListener("click", () => this.actions.remove(run.runId));
    return h("li", {}, h("span", {}, `Queued: ${text}`), " ", remove);
  }

  #changed() {
    this.#runId = crypto.randomUUID(); // another text is another prompt; the same one is sent once
    if (this.text.value) localStorage.setItem(this.key, this.text.value);
    else localStorage.removeItem(this.key);
  }

  async #send() {
    const text = this.text.value.trim();
    if (!text || this.#busy || this.button.disabled) return;
    this.#busy = true;
    this.button.disabled = true;
    try {
      await this.actions.send(text, this.#runId);
      if (this.text.value.trim() === text) {
        this.text.value = "";
        this.#changed();
      }
      fill(this.trouble);
    } catch (error) {
      fill(this.trouble, problem(error)); // the text stays
    }
    this.#busy = false;
    this.setStatus(this.word, 0);
  }
}
