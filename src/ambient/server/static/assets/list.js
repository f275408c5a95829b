// The sessions of a project, asked for again every two seconds while somebody looks.

import { get } from "./api.js";
import { fill, h, problem, say, timeOf } from "./dom.js";
import { statusOf, titleOf } from "./status.js";

const EVERY = 2000;
const PAGE = 50;

/** Show them in `root`; returns what ends it. */
export async function listPage(root, project) {
  document.title = `${project} · Ambient`;
  const base = `/projects/${encodeURIComponent(project)}`;
  const rows = h("ul", { class: "sessions" });
  const trouble = h("div");
  const count = h("p", { class: "quiet" });
  const search = h("input", { type: "search", id: "search", placeholder: "Name or words of the prompt" });
  const more = h("button", { type: "button", hidden: true }, "Show more");
  const start = h("a", { class: "button primary", href: `${base}/new` }, "New session");
  fill(
    root,
    h("div", { class: "row between" }, h("h1", {}, "Sessions"), start),
    h("div", { class: "row" }, h("label", { for: "search" }, "Find"), search, count),
    trouble,
    rows,
    more,
  );
  const known = new Map(); // name → {node, update}
  let limit = PAGE;

  async function refresh() {
    const words = search.value.trim();
    const query = new URLSearchParams({ limit, sort: "-lastActivityTime", ...(words && { search: words }) });
    try {
      const page = await get(`/api${base}/agentic-sessions?${query}`);
      fill(trouble);
      fill(rows, page.items.map((one) => rowOf(known, base, one)));
      more.hidden = !page.hasMore || limit >= 100;
      say(count, words ? `${page.totalCount} found` : "");
      if (!page.items.length) fill(trouble, empty(words, base));
    } catch (error) {
      if (error.status === 401) throw error;
      fill(trouble, problem(error)); // the last rows stay
    }
  }
  more.addEventListener("click", () => {
    limit = 100;
    refresh();
  });
  search.addEventListener("input", refresh);
  const tick = () => document.hidden || refresh().catch(() => {});
  const timer = setInterval(tick, EVERY);
  document.addEventListener("visibilitychange", tick);
  const leave = () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", tick);
  };
  await refresh().catch((error) => {
    leave();
    throw error;
  });
  return leave;
}

function empty(words, base) {
  if (words) return h("p", {}, `No session matches “${words}”.`);
  return h("p", {}, "No sessions yet. ", h("a", { href: `${base}/new` }, "Start the first one"), ".");
}

function rowOf(known, base, session) {
  const { name } = session.metadata;
  let row = known.get(name);
  if (!row) known.set(name, (row = makeRow(base, name)));
  row.update(session);
  return row.node;
}

function makeRow(base, name) {
  const title = h("a", { href: `${base}/sessions/${encodeURIComponent(name)}` });
  const [chip, sentence, when] = [h("span"), h("span", { class: "sentence" }), h("span", { class: "quiet" })];
  const node = h("li", {}, chip, h("div", { class: "what" }, title, sentence), when);
  const update = (session) => {
    const status = statusOf(session);
    chip.className = `chip ${status.tone}`;
    say(chip, `${status.icon} ${status.word}`);
    say(title, titleOf(session));
    say(sentence, status.sentence);
    fill(when, timeOf(session.status?.lastActivityTime ?? session.metadata.creationTimestamp));
  };
  return { node, update };
}
