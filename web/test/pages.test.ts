import { describe, expect, test } from "vitest";
import type { Row, RunnerType } from "../src/api/types";
import { isNews } from "../src/pages/attention";
import { applies } from "../src/pages/bulk";
import { credentialOf, linesOf, withCredential } from "../src/pages/credential";
import { isDismissed } from "../src/pages/dismissed";
import { heldBack } from "../src/pages/held";
import { serverOf, wordsOf } from "../src/pages/mcp";
import { variablesOf } from "../src/pages/new";
import { formOf, keptOf } from "../src/pages/new-form";
import { itemsOf, printed } from "../src/pages/print";
import { unknownSecrets } from "../src/pages/project-parts";
import { COLUMNS, moved, templateOf } from "../src/pages/sessions-columns";
import { dayBefore, queryOf, searchOf } from "../src/pages/sessions-search";
import { agentOf, keyOf, serversOf } from "../src/pages/will-use";
import { commandOf } from "../src/session/copy";
import { heldWords, lostWords } from "../src/session/lost";

describe("a new session", () => {
  test("lines of the environment are pairs, and others say nothing", () => {
    expect(variablesOf("A=1\n  B_2 = two words \nnothing\n=no\nURL=http://x?a=b")).toEqual({
      A: "1",
      B_2: "two words",
      URL: "http://x?a=b",
    });
  });

  test("a draft brings the form back as it was, and an empty one holds nothing", () => {
    const form = {
      ...formOf(undefined),
      repos: [
        { url: "https://git.test/a.git", branch: "" },
        { url: "https://git.test/b.git", branch: "dev" },
      ],
      minutes: "5",
      stopWhenDone: true,
    };
    expect(formOf(keptOf(form) ?? undefined)).toEqual(form);
    expect(keptOf(formOf(undefined))).toBeNull();
    expect(formOf({ model: ["no", "text"], repos: "no list" })).toEqual(formOf(undefined));
  });

  const claude = {
    id: "claude-agent-sdk",
    displayName: "Claude",
    usable: true,
    auth: { requiredSecretKeys: ["ANTHROPIC_API_KEY"] },
  } as unknown as RunnerType;
  const demo = { id: "demo", displayName: "Demo agent", usable: true, auth: {} } as unknown as RunnerType;

  test("the key that an agent works with is named as far as it is known", () => {
    expect(keyOf(claude, ["ANTHROPIC_API_KEY", "OTHER"])).toBe("project key ANTHROPIC_API_KEY");
    expect(keyOf(claude, [])).toBe("the platform's own key");
    expect(keyOf({ ...claude, usable: false }, [])).toBe("");
    expect(keyOf(demo, [])).toBe("Demo agent, which needs no key");
    expect(keyOf(claude, undefined)).toBe("");
  });

  test("without a choice the project's agent is meant, else a real one that can work", () => {
    const both = [demo, claude];
    expect(agentOf("demo", both, undefined)).toBe(demo);
    expect(agentOf("", both, { defaultRunnerType: "demo" })).toBe(demo);
    expect(agentOf("", both, {})).toBe(claude);
    expect(agentOf("", [demo, { ...claude, usable: false }], {})).toBe(demo);
  });

  test("a tool server is said to lack what no key and no variable has", () => {
    const custom = {
      jira: { command: "jira", env: { TOKEN: "${JIRA_TOKEN}", HOME: "${HOME}" } },
      gerrit: { url: "https://git.test", headers: { Authorization: "Bearer ${GERRIT_TOKEN}" } },
      old: { command: "old", env: { TOKEN: "${NOBODY_HAS}" } },
    };
    const found = serversOf({ custom, disabled: ["old"] }, ["JIRA_TOKEN"]);
    expect(found.map((one) => [one.name, one.why])).toEqual([
      ["jira", ""],
      ["gerrit", "no key GERRIT_TOKEN"],
      ["old", "switched off"],
    ]);
    expect(serversOf({}, [])).toEqual([]);
  });

  test("the command line says the same, whatever quotes are in the prompt", () => {
    const repos = [{ url: "https://git.test/a.git", branch: "dev" }];
    expect(commandOf({ initialPrompt: "it's", repos, runnerType: "demo" }, "p")).toBe(
      "ambient run 'it'\\''s' --repo https://git.test/a.git@dev --runner demo -p p",
    );
    expect(commandOf({ initialPrompt: "Go", sdkOptions: { maxBudgetUsd: 2.5 } }, "p")).toBe(
      "ambient run 'Go' --max-cost 2.5 -p p",
    );
  });
});

describe("lists of sessions", () => {
  test("a saved view brings its filters and nothing else", () => {
    expect(searchOf("status=failed&sort=-cost&evil=1")).toEqual({ status: "failed", sort: "-cost" });
  });

  const row = (uid: string) => ({ metadata: { uid } }) as Row;

  test("a list that stands still keeps its order, shows changes in place and counts what waits", () => {
    const changed = [row("new"), row("c"), row("a")];
    expect(heldBack(changed, ["a", "b", "c"])).toEqual({ rows: [changed[2], changed[1]], fresh: 1, moved: true });
    expect(heldBack(changed, ["new", "c", "a"])).toEqual({ rows: changed, fresh: 0, moved: false });
  });

  test("a deed is offered where it makes sense and is theirs to do", () => {
    const of = (phase: string, userId: string) => ({ status: { phase }, spec: { userContext: { userId } } }) as Row;
    const ann = { userId: "ann", isAdmin: false };
    expect(applies("stop", of("Running", "bob"), ann)).toBe(true);
    expect(applies("stop", of("Stopped", "bob"), ann)).toBe(false);
    expect(applies("start", of("Failed", "bob"), ann)).toBe(true);
    expect(applies("delete", of("Stopped", "bob"), ann)).toBe(false);
    expect(applies("delete", of("Stopped", "ann"), ann)).toBe(true);
    expect(applies("delete", of("Stopped", "bob"), { ...ann, isAdmin: true })).toBe(true);
  });

  test("a column is moved by one place, and not beyond an end", () => {
    expect(moved(["agent", "repos", "cost"], "cost", -1)).toEqual(["agent", "cost", "repos"]);
    expect(moved(["agent", "repos", "cost"], "cost", 1)).toEqual(["agent", "repos", "cost"]);
    expect(moved(["agent", "repos"], "made", 1)).toEqual(["agent", "repos"]);
  });

  test("however wide a column was drawn, it gives way, and what is no width is not taken", () => {
    const [agent, repos] = COLUMNS.filter((one) => ["agent", "repos"].includes(one.name));
    if (!agent || !repos) throw new Error("no such columns");
    const widths = { agent: 400, repos: "url(x)" };
    expect(templateOf([agent, repos], false, widths)).toBe(
      "7.5rem minmax(11rem, 1fr) minmax(0, 24rem) minmax(0, 9rem)",
    );
  });

  test("what a deletion takes is named as far as it is known", () => {
    expect(lostWords(0)).toBe("its history and the files of its workspace");
    expect(lostWords(1)).toBe("its history, 1 queued prompt, and the files of its workspace");
    const held = { initialized: true, uncommittedFiles: 0, unpushedCommits: 0 };
    expect(heldWords(held)).toBe("all of it is pushed");
    expect(heldWords({ ...held, uncommittedFiles: 3, unpushedCommits: 2 })).toBe(
      "2 commits not pushed, 3 files not committed",
    );
    expect(heldWords({ ...held, uncommittedFiles: 1, unpushedCommits: 1 })).toBe(
      "1 commit not pushed, 1 file not committed",
    );
    expect(heldWords({ initialized: true, uncommittedFiles: 1 })).toBe(
      "commits not pushed are not known, 1 file not committed",
    );
    expect(heldWords({ ...held, initialized: false })).toBe("it was not cloned");
  });

  test("a day becomes a moment, as the server takes it", () => {
    const day = dayBefore(7, Date.parse("2026-03-10T12:00:00Z"));
    expect(day).toBe("2026-03-03");
    expect(new URLSearchParams(queryOf({ after: day })).get("createdAfter")).toBe("2026-03-03T00:00:00Z");
  });
});

test("paper has everything that the log has, with or without tool calls", () => {
  const lines = [
    { type: "RUN_STARTED", threadId: "s", runId: "r" },
    { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "Hello" },
    { type: "TEXT_MESSAGE_END", messageId: "m" },
    { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "Bash" },
    { type: "TOOL_CALL_ARGS", toolCallId: "c", delta: "{}" },
    { type: "TOOL_CALL_END", toolCallId: "c" },
    { type: "RUN_FINISHED", threadId: "s", runId: "r" },
  ];
  const items = itemsOf(`${lines.map((one) => JSON.stringify(one)).join("\n")}\n`);
  expect(printed(items, true).map((one) => one.kind)).toEqual(["message", "tool", "end"]);
  expect(printed(items, false).map((one) => one.kind)).toEqual(["message", "end"]);
  expect(items[0]).toMatchObject({ seq: 2, last: 4 }); // a fork goes on from where a message ended
});

describe("credentials in words", () => {
  const row = (...conditions: [type: string, status: string, message?: string][]) =>
    ({
      status: {
        conditions: conditions.map(([type, status, message]) => ({
          type,
          status,
          message,
          lastTransitionTime: "2026-03-01T10:00:00Z",
        })),
      },
    }) as unknown as Row;

  test("what is refused comes before what was undone, and nobody is fine unasked", () => {
    const undone: [string, string, string] = ["TokenRotation", "False", "It did not confirm."];
    expect(credentialOf(row(["TokenAccepted", "False", "It sent 3fa9."], undone))).toEqual({
      state: "rejected",
      sentence: "It sent 3fa9.",
      since: "2026-03-01T10:00:00Z",
      detail: "",
    });
    expect(credentialOf(row(["TokenAccepted", "True"], undone)).sentence).toBe("Rotation undone: It did not confirm.");
    expect(credentialOf(row(["TokenAccepted", "True"], ["TokenRotation", "True"])).state).toBe("fine");
    expect(credentialOf(row()).state).toBe("unknown");
  });

  const named = (session: string, ...conditions: Parameters<typeof row>) =>
    ({ ...row(...conditions), metadata: { namespace: "p", name: session } }) as Row;
  const line = {
    project: "p",
    session: "two",
    standing: "rotating",
    sentence: "rotating: …",
    kid: "3fa9",
    generation: 2,
  };

  test("the filter keeps what was asked for", () => {
    const rows = [named("one", ["TokenAccepted", "True"]), named("two", ["TokenAccepted", "False"]), named("three")];
    const found = (wanted: string) => withCredential(rows, wanted).map((one) => one.row.metadata.name);
    expect(found("")).toHaveLength(3);
    expect(found("bad")).toEqual(["two"]);
    expect(found("unknown")).toEqual(["three"]);
    expect(found("nonsense")).toEqual([]);
  });

  test("what the server says of a session counts more than its row", () => {
    const rows = [named("two", ["TokenAccepted", "False"])];
    expect(withCredential(rows, "", linesOf([line])).map((one) => one.credential)).toEqual([
      { state: "rotating", sentence: "rotating: …", since: null, detail: "3fa9, runner 2" },
    ]);
    expect(credentialOf(row(), { ...line, standing: "of a later release" }).state).toBe("unknown");
  });
});

describe("attention", () => {
  const failed = {
    metadata: { uid: "u" },
    shown: { word: "Failed", steps: [] },
    status: { completionTime: "2026-03-01T10:00:00Z" },
  } as unknown as Row;

  test("a failure that was put aside comes back when the session fails again", () => {
    expect(isDismissed(failed, { u: "2026-03-01T10:00:00Z" })).toBe(true);
    expect(isDismissed(failed, { u: "2026-02-01T10:00:00Z" })).toBe(false);
    expect(isDismissed(failed, null)).toBe(false);
  });

  test("so does one that goes on, with each run that fails", () => {
    const shown = { word: "Ready", reason: "RunFailed", steps: [] };
    const ready = { metadata: { uid: "u" }, shown, status: { lastFailure: { runId: "r1" } } } as unknown as Row;
    expect(isDismissed(ready, { u: "r1" })).toBe(true);
    expect(isDismissed(ready, { u: "r0" })).toBe(false);
  });

  test("only what happened after the last visit is news", () => {
    const row = { status: { lastActivityTime: "2026-03-01T10:00:00Z" } } as unknown as Row;
    expect(isNews(row, "2026-03-01T09:00:00Z")).toBe(true);
    expect(isNews(row, "2026-03-01T11:00:00Z")).toBe(false);
    expect(isNews(row, null)).toBe(false); // the first visit: nothing is called new
  });
});

describe("MCP servers", () => {
  test("a command line is cut into words, and quotes keep spaces", () => {
    expect(wordsOf(`npx -y "my server" 'x y' --a=b`)).toEqual(["npx", "-y", "my server", "x y", "--a=b"]);
  });

  test("a command has an environment, an address has headers", () => {
    expect(serverOf("stdio", "npx -y jira", "TOKEN=${JIRA}")).toEqual({
      command: "npx",
      args: ["-y", "jira"],
      env: { TOKEN: "${JIRA}" },
    });
    expect(serverOf("http", " https://mcp.test/x ", "X-Key: ${KEY}\nnonsense")).toEqual({
      type: "http",
      url: "https://mcp.test/x",
      headers: { "X-Key": "${KEY}" },
    });
    expect(serverOf("stdio", "server", "")).toEqual({ command: "server" });
  });

  test("a secret that is named and not there is told once", () => {
    const server = { env: { A: "${ONE}", B: "${TWO} ${ONE}" } };
    expect(unknownSecrets(server, ["TWO"])).toEqual(["ONE"]);
  });
});
