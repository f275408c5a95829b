// A session: what happens in it, live, and a box to write into. Looking never starts anything.

import { get, post, request } from "./api.js";
import { Composer } from "./composer.js";
import { fill, h, problem, say } from "./dom.js";
import { empty, fold } from "./fold.js";
import { statusOf, titleOf } from "./status.js";
import { Stream } from "./stream.js";
import { Timeline } from "./timeline.js";

const EVERY = 2000;
const TELLING = new Set(["RUN_STARTED", "RUN_FINISHED", "RUN_ERROR", "CUSTOM"]);
const OVER = new Set(["Stopping", "Stopped", "Completed", "Failed"]);

/** Show it in `root`; returns what ends it. Throws Problem when there is no such session. */
export async function sessionPage(root, project, name) {
  const page = new Page(root, project, name);
  await page.refresh();
  page.open();
  return () => page.close();
}

class Page {
  #state = empty();
  #session = null;
  #frame = 0;
  #soon = 0;

  constructor(root, project, name) {
    const part = encodeURIComponent;
    this.api = `/api/projects/${part(project)}/agentic-sessions/${part(name)}`;
    this.names = { project, session: name };
    this.root = root;
    this.connection = document.getElementById("connection");
    this.title = h("h1");
    this.chip = h("span");
    this.sentence = h("span", { class: "sentence" });
    this.warnings = h("p", { class: "warnings", hidden: true });
    this.steps = h("div", { class: "row steps" });
    this.trouble = h("div");
    this.log = h("div");
    this.feed = h("div", { role: "feed", "aria-label": "Timeline" });
    this.scroll = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "What happened" }, this.feed);
    this.newer = h("button", { type: "button", class: "newer", hidden: true, onclick: () => this.#toEnd() }, "New below ↓");
    this.plan = h("details", { class: "plan", hidden: true });
    this.timeline = new Timeline(this.feed, {
      answer: (item, status, text) => this.#answer(item, status, text),
      retry: (text) => this.composer.put(text),
      blob: async (ref) => (await request(`${this.api}/agui/blobs/${ref}`)).text(),
    });
    this.composer = new Composer(this.names, {
      send: (text, runId) => this.#send(text, runId),
      remove: (runId) => this.#act("/agui/interrupt", { runId }),
    });
    const back = h("a", { href: `/projects/${part(project)}/sessions` }, "‹ Sessions");
    const line = h("p", { class: "status" }, this.chip, " ", this.sentence);
    const head = h("div", { class: "head" }, back, this.title, line, this.warnings, this.steps, this.trouble, this.log);
    const foot = h("div", { class: "foot" }, this.plan, this.composer.node);
    this.page = h("div", { class: "session" }, head, this.scroll, this.newer, foot);
  }

  open() {
    fill(this.root, this.page);
    this.stream = new Stream(`${this.api}/agui/events`, {
      onEvents: (events) => this.#take(events),
      onReset: () => this.#reset(),
      onState: (state) => this.#connected(state),
    });
    this.timer = setInterval(() => document.hidden || this.refresh().catch(() => {}), EVERY);
  }

  close() {
    this.stream?.close();
    clearInterval(this.timer);
    clearInterval(this.clock);
    clearTimeout(this.#soon);
    cancelAnimationFrame(this.#frame);
  }

  /** Ask for the session and its queue again. */
  async refresh() {
    const [session, runs] = await Promise.all([get(this.api), get(`${this.api}/agui/runs?limit=100`)]);
    this.#session = session;
    this.composer.setQueue(runs.items.filter((one) => one.status === "queued").reverse());
    this.#draw();
  }

  #take(events) {
    for (const event of events) {
      fold(this.#state, event);
      if (Date.now() - (event.timestamp ?? 0) < 5000) this.#announce(event);
    }
    if (events.some((event) => TELLING.has(event.type))) this.#refreshSoon();
    this.#draw();
  }

  #reset() {
    this.#state = empty();
    this.timeline.clear();
  }

  #refreshSoon() {
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => this.refresh().catch(() => {}), 100);
  }

  #announce(event) {
    const [question] = event.outcome?.interrupts ?? [];
    if (question) this.#say(`Question: ${question.message}`);
    else if (event.type === "RUN_FINISHED") this.#say("The agent finished.");
    else if (event.type === "RUN_ERROR") this.#say(`The run failed: ${event.message}`);
  }

  #say(text) {
    say(document.getElementById("announcer"), text);
  }

  // Drawing, once a frame

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      const { scroll } = this;
      const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
      const before = scroll.scrollHeight;
      const over = OVER.has(this.#session.status?.phase);
      this.timeline.update(this.#state, { stopped: over });
      this.#drawHead();
      this.#drawPlan();
      if (atEnd) this.#toEnd();
      else if (scroll.scrollHeight > before) this.newer.hidden = false;
    });
  }

  #toEnd() {
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.newer.hidden = true;
  }

  #drawHead() {
    const status = statusOf(this.#session);
    const title = titleOf(this.#session);
    document.title = `${status.word}: ${title} · Ambient`;
    say(this.title, title);
    this.chip.className = `chip ${status.tone}`;
    say(this.chip, `${status.icon} ${status.word}`);
    say(this.sentence, this.#doing(status) ?? status.sentence);
    say(this.warnings, status.warnings.map((one) => `⚠ ${one}`).join("\n"));
    this.warnings.hidden = !status.warnings.length;
    this.#drawSteps(status);
    this.composer.setStatus(status.word, this.#state.questions.length);
  }

  /** What the agent does right now, if it can be told. */
  #doing({ word }) {
    if (word !== "Working") return null;
    const tool = [...this.#state.open].findLast((one) => one.kind === "tool");
    if (!tool) return null;
    const object = Object.values(tool.input ?? {}).find((one) => typeof one === "string") ?? "";
    return `${tool.name} ${object.slice(0, 80)}`;
  }

  #drawSteps(status) {
    const names = status.steps.map((one) => one.name);
    const steps = [...status.steps];
    const known = (name, label) => names.includes(name) || steps.push({ name, label });
    if (!OVER.has(this.#session.status?.phase)) known("stop", "Stop session");
    const key = JSON.stringify(steps);
    if (key === this.stepsShown) return; // a button that is being pressed must not be replaced
    this.stepsShown = key;
    fill(this.steps, steps.map((one) => this.#step(one)));
  }

  #step({ name, label, command }) {
    const act = this.#deeds[name];
    if (act) return h("button", { type: "button", onclick: act }, label);
    if (!command) return h("span", { class: "quiet" }, label);
    const { project, session } = this.names;
    const typed = command.replace("{project}", project).replace("{session}", session);
    return h("span", { class: "quiet" }, `${label}: `, h("code", {}, typed));
  }

  #deeds = {
    answer: () => this.#showQuestion(),
    send: () => this.composer.focus(),
    interrupt: () => this.#act("/agui/interrupt"),
    stop: () => this.#stop(),
    resume: () => this.#act("/start"),
    retry: () => this.#act("/start"),
    start: () => this.#act("/start"),
    log: () => this.#showLog(),
  };

  #drawPlan() {
    const { plan } = this.#state;
    const done = plan.filter((one) => one.status === "completed").length;
    this.plan.hidden = !plan.length || done === plan.length;
    const now = plan.find((one) => one.status === "in_progress") ?? plan.find((one) => one.status !== "completed");
    const key = JSON.stringify(plan);
    if (key === this.planShown) return;
    this.planShown = key;
    const marks = { completed: "✓", in_progress: "◐" };
    fill(
      this.plan,
      h("summary", {}, `Plan ${done}/${plan.length}: ${now?.text ?? ""}`),
      h("ol", {}, plan.map((one) => h("li", {}, `${marks[one.status] ?? "○"} ${one.text}`))),
    );
  }

  // Doing

  async #act(path, body = {}) {
    try {
      const reply = await post(this.api + path, body);
      fill(this.trouble);
      await this.refresh();
      return reply;
    } catch (error) {
      fill(this.trouble, problem(error));
      return null;
    }
  }

  /** A stop by a person withdraws what is queued: its text goes back into the box. */
  async #stop() {
    const runs = this.composer.queued().map((one) => get(`${this.api}/agui/runs/${one}`));
    const waiting = (await Promise.all(runs).catch(() => [])).map((one) => one.prompt).filter(Boolean);
    if ((await this.#act("/stop")) && waiting.length) this.composer.put(waiting.join("\n\n"));
  }

  async #send(text, runId) {
    await this.#resume();
    const message = { id: `${runId}-prompt`, role: "user", content: text };
    await post(`${this.api}/agui/run`, { runId, messages: [message] });
    await this.refresh();
    this.#toEnd();
  }

  /** Answer a question, together with the others that are open: the API takes all or none. */
  async #answer(item, status, text) {
    try {
      await this.#resume();
      item.given = { interruptId: item.id, status, ...(status === "resolved" && { payload: { answer: text } }) };
      const open = this.#state.questions;
      if (open.some((one) => !one.given)) return;
      await post(`${this.api}/agui/run`, { messages: [], resume: open.map((one) => one.given) });
      await this.refresh();
    } catch (error) {
      throw Object.assign(error, { node: problem(error) });
    }
  }

  async #resume() {
    if (OVER.has(this.#session.status?.phase)) await post(`${this.api}/start`);
  }

  #showQuestion() {
    const [question] = this.#state.questions;
    const card = question && document.getElementById(`question-${question.id}`);
    card?.scrollIntoView({ block: "center" });
    card?.querySelector("input")?.focus();
  }

  async #showLog() {
    if (this.log.hasChildNodes()) {
      fill(this.log);
      return;
    }
    try {
      const text = await (await request(`${this.api}/logs?tail=200`)).text();
      fill(this.log, h("pre", { class: "terminal", role: "group", tabindex: 0, "aria-label": "Runner log" }, text || "The log is empty."));
    } catch (error) {
      fill(this.log, problem(error));
    }
  }

  // The connection, always in words

  #connected(found) {
    clearInterval(this.clock);
    const words = h("span");
    const now = h("button", { type: "button", onclick: this.stream?.now }, "Now");
    const show = () => say(words, this.#wordsOf(found));
    show();
    const waits = found.state === "lost" || found.state === "restarting";
    if (waits) this.clock = setInterval(show, 1000);
    this.connection.className = found.state;
    fill(this.connection, words, waits && now);
    if (found.state === "lost" && !this.wasLost) this.#say("Connection lost.");
    if (found.state === "live" && this.wasLost) {
      this.#say("Connected again.");
      this.#refreshSoon();
    }
    this.wasLost = found.state === "lost" || (this.wasLost && found.state !== "live");
    if (found.state === "refused") fill(this.trouble, problem(found.problem));
  }

  #wordsOf({ state, since, next, problem: refused }) {
    const gone = Math.round((Date.now() - since) / 1000);
    const left = Math.max(0, Math.ceil((next - Date.now()) / 1000));
    switch (state) {
      case "live":
        return "● Live";
      case "connecting":
        return "Connecting…";
      case "paused":
        return "Paused, goes on when you come back";
      case "restarting":
        return "The server restarts. Sessions go on.";
      case "refused":
        return `Not connected: ${refused.message}`;
      default:
        return `Connection lost ${gone} s ago, next try in ${left} s.${navigator.onLine ? "" : " You are offline."}`;
    }
  }
}
