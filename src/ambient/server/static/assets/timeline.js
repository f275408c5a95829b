// The timeline: one article per item of the fold, made once and then kept up to date.

import { pieces } from "./ansi.js";
import { fill, h, problem, say, timeOf } from "./dom.js";

const LONG = 200; // lines of a result that are shown without being asked for
const VERBS = {
  Bash: ["Run", "command"],
  Read: ["Read", "file_path"],
  Write: ["Write", "file_path"],
  Edit: ["Edit", "file_path"],
  TodoWrite: ["Plan", ""],
};
const OUTCOMES = {
  preparing: ["◌", "preparing"],
  running: ["◐", "running"],
  ok: ["✓", "ok"],
  failed: ["✕", "failed"],
  ended: ["–", "ended, outcome unknown"],
  cancelled: ["–", "cancelled"],
};

/** Keeps `root` showing the items of a fold. actions: {answer, retry, blob}. */
export class Timeline {
  #shown = new Map(); // item → {node, rev, update}

  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
  }

  clear() {
    this.#shown.clear();
    this.root.replaceChildren();
  }

  /** Show what changed. context: what cards need to know besides their item. */
  update(state, context) {
    const fresh = [];
    for (const item of state.items) {
      let shown = this.#shown.get(item);
      if (!shown) {
        shown = { rev: -1, ...MAKE[item.kind](item, this.actions) };
        this.#shown.set(item, shown);
        fresh.push(shown.node);
      }
      if (shown.rev === item.rev && item.kind !== "question") continue;
      shown.rev = item.rev;
      shown.node.classList.toggle("nested", Boolean(item.owner));
      shown.node.classList.toggle("forgotten", Boolean(item.forgotten));
      shown.node.hidden = isHidden(state, item);
      shown.update?.(item, context);
    }
    if (fresh.length) this.root.append(...fresh);
  }
}

function isHidden(state, item) {
  return (item.kind === "message" && state.hidden.has(item.id)) || (item.kind === "tool" && item.asks);
}

/** A text that grows at its end without being set anew. */
function growing(node) {
  const text = node.appendChild(document.createTextNode(""));
  let length = 0;
  return (whole) => {
    if (whole.length < length) text.data = whole;
    else if (whole.length > length) text.appendData(whole.slice(length));
    length = whole.length;
  };
}

function message(item) {
  const mine = item.role === "user";
  const body = h("div", { class: "text" });
  const flag = h("p", { class: "flag", hidden: true });
  const who = mine ? item.sender || "You" : item.role === "assistant" ? "Agent" : item.role;
  const node = h(
    "article",
    { class: `message ${mine ? "mine" : "theirs"}`, "aria-label": `${who} said` },
    h("header", {}, h("strong", {}, who), " ", timeOf(item.at)),
    body,
    flag,
  );
  const grow = growing(body);
  const update = () => {
    grow(item.text);
    node.classList.toggle("open", Boolean(item.open ?? (!item.ended && !item.cut)));
    const cut = item.cut && !mine ? "Cut off here." : "";
    say(flag, item.forgotten ? "Taken back: the agent forgot this." : cut);
    flag.hidden = !flag.textContent;
  };
  return { node, update };
}

function thought() {
  const line = h("summary");
  const body = h("div", { class: "text quiet" });
  const node = h("article", { class: "thought" }, h("details", {}, line, body));
  const grow = growing(body);
  const update = (item) => {
    grow(item.text);
    const took = item.ended && item.at ? ` for ${seconds(item.ended - item.at)}` : "";
    say(line, item.ended || item.cut ? `Thought${took}` : "Thinking…");
  };
  return { node, update };
}

const seconds = (ms) => (ms < 950 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

function tool(item, actions) {
  const [icon, word, object, facts] = [h("span"), h("span"), h("code"), h("span")];
  const body = h("div", { class: "body" });
  const line = h("summary", {}, icon, " ", word, " ", object, " ", facts);
  const details = h("details", {}, line, body);
  const node = h("article", { class: "tool" }, details);
  facts.className = "facts";
  icon.setAttribute("aria-hidden", "true");
  const update = () => {
    const [shape, text] = OUTCOMES[item.outcome];
    const [verb, field] = VERBS[item.name] ?? [item.name, ""];
    node.className = `tool ${item.outcome}${item.owner ? " nested" : ""}`;
    say(icon, shape);
    say(word, verb);
    say(object, field ? String(item.input?.[field] ?? "") : firstOf(item.input));
    say(facts, factsOf(item, text));
    if (item.outcome === "failed") details.open = true;
    fill(body, bodyOf(item, actions));
  };
  return { node, update };
}

function firstOf(input) {
  const value = Object.values(input ?? {}).find((one) => typeof one === "string");
  return (value ?? "").slice(0, 80);
}

function factsOf(item, outcome) {
  const { exitCode, durationMs } = item.metadata ?? {};
  const facts = [outcome];
  if (exitCode != null) facts.push(`exit ${exitCode}`);
  if (durationMs != null) facts.push(seconds(durationMs));
  return facts.join(" · ");
}

function bodyOf(item, actions) {
  const found = [];
  if (item.name === "Write" && item.input) {
    found.push(h("pre", { role: "group", tabindex: 0, "aria-label": "Content" }, String(item.input.content ?? "")));
  } else if (!VERBS[item.name] && item.text) {
    found.push(h("pre", { role: "group", tabindex: 0, "aria-label": "Arguments" }, item.text));
  }
  if (item.result !== undefined) found.push(output(item, actions));
  return found;
}

function output(item, actions) {
  const lines = item.result.split("\n");
  const pre = h("pre", { class: "terminal", role: "group", tabindex: 0, "aria-label": "Result" });
  const show = (text) => fill(pre, pieces(text).map((one) => h("span", { class: one.names }, one.text)));
  const hint = h("p");
  if (lines.length > LONG) {
    show([...lines.slice(0, 20), `… ${lines.length - 100} lines …`, ...lines.slice(-80)].join("\n"));
    const all = () => {
      show(item.result);
      hint.remove();
    };
    hint.append(h("button", { type: "button", onclick: all }, `Show all ${lines.length} lines`));
  } else show(item.result || "(no output)");
  const { ref, size } = item.metadata ?? {};
  if (ref) {
    const load = async () => {
      try {
        show(await actions.blob(ref));
        hint.remove();
      } catch (error) {
        fill(hint, problem(error));
      }
    };
    hint.append(`This is the beginning of ${size ?? "many"} bytes. `);
    hint.append(h("button", { type: "button", onclick: load }, "Show everything"));
  }
  return h("div", {}, pre, hint.hasChildNodes() && hint);
}

function agent(item) {
  const line = h("p");
  const node = h("article", {}, line);
  const update = () => {
    const [shape, text] = OUTCOMES[item.outcome];
    node.className = `agent ${item.outcome}`;
    say(line, `${shape} Sub-agent ${item.name}: ${item.text} (${text})${item.result ? ` ${item.result}` : ""}`);
  };
  return { node, update };
}

function question(item, actions) {
  const name = `q-${item.id}`;
  const options = item.options.map((one) =>
    h("label", { class: "option" }, h("input", { type: "radio", name, value: one }), " ", one),
  );
  const own = h("input", { type: "text", id: name, autocomplete: "off" });
  const send = h("button", { type: "submit", class: "primary" });
  const skip = h("button", { type: "button" }, "Skip");
  const failed = h("div");
  const label = h("label", { for: name }, options.length ? "Other answer" : "Your answer");
  const form = h("form", {}, options, h("div", { class: "own" }, label, own), h("p", { class: "row" }, send, skip));
  const done = h("p", { class: "answered", hidden: true });
  const title = item.permission ? "Permission" : "Question";
  const heading = h("legend", {}, `${title}: ${item.message}`);
  const node = h("article", { class: "question", id: `question-${item.id}` }, h("fieldset", {}, heading, form, failed, done));

  const chosen = () => own.value.trim() || form.querySelector(":checked")?.value || "";
  const give = async (status) => {
    fill(failed);
    for (const one of [send, skip]) one.disabled = true;
    try {
      await actions.answer(item, status, chosen());
    } catch (error) {
      fill(failed, error.node);
    }
    for (const one of [send, skip]) one.disabled = false;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (chosen()) give("resolved");
    else own.focus();
  });
  skip.addEventListener("click", () => give("cancelled"));
  const update = (_, { stopped }) => {
    const open = item.state === "open";
    form.hidden = !open;
    done.hidden = open;
    say(send, stopped ? "Resume and answer" : "Answer");
    say(skip, stopped ? "Resume and skip" : "Skip");
    say(done, item.state === "answered" ? `Answered: ${item.answer}` : "Skipped without an answer.");
  };
  return { node, update };
}

const CAUSES = {
  runner_lost: "The runner disappeared while it worked",
  runner_unavailable: "The runner cannot be reached",
  runner_unauthorized: "The runner refused the platform's credential",
  run_timeout: "The run took too long",
  interrupt_timeout: "The agent did not stop in time",
  rolled_back: "The run was taken back",
  model_error: "The model failed",
  credential_error: "A credential does not work",
};

function error(item, actions) {
  const again = h("button", { type: "button", onclick: () => actions.retry(item.prompt) }, "Put the prompt back");
  const cause = CAUSES[item.code] ?? "The run failed";
  return {
    node: h(
      "article",
      { class: "error" },
      h("p", {}, h("strong", {}, `✕ ${cause}`), " ", timeOf(item.at)),
      h("p", { class: "text" }, item.message || "The agent gave no reason."),
      item.prompt && h("p", { class: "row" }, again),
      h("details", {}, h("summary", {}, "Details"), h("code", {}, `${item.code || "no code"} · run ${item.id}`)),
    ),
  };
}

function end(item) {
  const said = { cancelled: "□ Run stopped", success: "Run finished" }[item.outcome] ?? `Run ended: ${item.outcome}`;
  const facts = [said];
  if (item.took != null) facts.push(seconds(item.took));
  if (item.usage?.input) facts.push(`${item.usage.input} tokens in, ${item.usage.output} out`);
  return { node: h("article", { class: "end" }, h("p", {}, facts.join(" · "), " · ", timeOf(item.at))) };
}

const note = (item) => ({ node: h("article", { class: "note" }, h("p", {}, item.text)) });

function activity(item) {
  const body = h("pre", { tabindex: 0 });
  const node = h("article", { class: "thought" }, h("details", {}, h("summary", {}, item.name), body));
  return { node, update: () => say(body, item.text) };
}

const MAKE = { message, thought, tool, agent, question, error, end, note, activity };
