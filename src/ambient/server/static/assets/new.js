// A new session: what is to be done, and on which repository.

import { post } from "./api.js";
import { fill, h, problem, say } from "./dom.js";

const DEMO = `say Hello, I am the demo agent.
todo write a file; look at it; ask
write hello.txt: Hello from Ambient
run cat hello.txt
ask Which way now? | Left | Right
say Thank you.`;

/** Show the form in `root`. go(path): to another page. */
export function newPage(root, project, go) {
  document.title = "New session · Ambient";
  const base = `/projects/${encodeURIComponent(project)}`;
  const prompt = h("textarea", { id: "prompt", rows: 8, required: true, "aria-describedby": "prompt-hint" });
  const repository = h("input", { id: "repository", type: "text", inputmode: "url", placeholder: "https://…" });
  const start = h("button", { type: "submit", class: "primary" }, "Start session");
  const trouble = h("div");
  const demo = h("button", { type: "button" }, "Use the demo prompt");
  demo.addEventListener("click", () => {
    prompt.value = DEMO;
    prompt.focus();
  });
  const form = h(
    "form",
    { class: "new" },
    h("label", { for: "prompt" }, "What should the agent do?"),
    prompt,
    h("p", { id: "prompt-hint", class: "quiet" }, "Ctrl+Enter starts. ", demo),
    h("label", { for: "repository" }, "Git repository (optional)"),
    repository,
    h("p", { class: "quiet" }, "It is cloned into the session's workspace, on a branch of its own."),
    trouble,
    h("p", { class: "row" }, start, h("a", { href: base }, "Cancel")),
  );
  let key = crypto.randomUUID(); // the same for a second try, so that no second session is made
  form.addEventListener("input", () => (key = crypto.randomUUID()));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    start.disabled = true;
    say(start, "Starting…");
    const url = repository.value.trim();
    const body = { initialPrompt: prompt.value, ...(url && { repos: [{ url }] }) };
    try {
      const made = await post(`/api${base}/agentic-sessions`, body, { "Idempotency-Key": key });
      go(`${base}/sessions/${encodeURIComponent(made.name)}`);
    } catch (error) {
      fill(trouble, problem(error));
    }
    start.disabled = false;
    say(start, "Start session");
  });
  fill(root, h("h1", {}, "New session"), form);
  prompt.focus();
}
