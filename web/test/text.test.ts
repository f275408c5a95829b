import { expect, test } from "vitest";
import { counts, hunks, lineDiff, pairs, readPatch } from "../src/session/diff";
import { hitsOf, inWorkspace, numbered, table } from "../src/session/lines";
import { blocks } from "../src/session/markdown";
import { linesWith } from "../src/session/output";
import { Frames } from "../src/stream/frames";
import { pieces } from "../src/ui/ansi";

test("frames are found however they are cut", () => {
  const text = 'id: 7\ndata: {"type":"A"}\n\n: keep-alive\n\nid: 8\ndata: {"type":"B"}\n\n';
  for (const size of [1, 3, text.length]) {
    const frames = new Frames();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...frames.feed(text.slice(at, at + size)));
    expect(found.filter((one) => one.data)).toEqual([
      { id: "7", data: '{"type":"A"}' },
      { id: "8", data: '{"type":"B"}' },
    ]);
  }
});

test("terminal output keeps its colours and nothing else", () => {
  const found = pieces("10 %\r100 %\n\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2J<b>plain</b>\x00");
  expect(found.map((one) => one.text).join("")).toBe("100 %\nred <b>plain</b>");
  expect(found.filter((one) => one.names === "red").map((one) => one.text)).toEqual(["red"]);
});

test("a diff keeps what stayed and counts what did not", () => {
  const diff = lineDiff("a\nb\nc\n", "a\nx\nc\nd\n");
  expect(diff.map((one) => `${one.kind[0]}${one.text}`)).toEqual(["sa", "rb", "ax", "sc", "ad"]);
  expect(counts(diff)).toEqual({ added: 2, removed: 1 });
  expect(lineDiff("", "one\ntwo").every((one) => one.kind === "added")).toBe(true);
});

test("every diff leads from one text to the other", () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return seed % below;
  };
  for (let round = 0; round < 200; round += 1) {
    const text = () => Array.from({ length: random(9) }, () => "abc"[random(3)]).join("\n");
    const [before, after] = [text(), text()];
    const diff = lineDiff(before, after);
    const side = (without: string) => diff.filter((one) => one.kind !== without).map((one) => one.text);
    expect(side("added").join("\n")).toBe(before.replace(/\n$/, ""));
    expect(side("removed").join("\n")).toBe(after.replace(/\n$/, ""));
  }
});

test("the middle of what stayed the same is left out", () => {
  const lines = Array.from({ length: 30 }, (_, at) => `line ${at}`);
  const shown = hunks(lineDiff(lines.join("\n"), [...lines.slice(0, 15), "new", ...lines.slice(15)].join("\n")));
  expect(shown.filter((one) => one === null)).toHaveLength(2);
  expect(shown).toHaveLength(9);
});

test("side by side, what was removed stands beside what was added in its place", () => {
  const shown = pairs(lineDiff("a\nb\nc\nd\n", "a\nx\nc\ny\nz\n"));
  expect(shown.map((one) => `${one?.before?.text ?? ""}|${one?.after?.text ?? ""}`)).toEqual([
    "a|a",
    "b|x",
    "c|c",
    "d|y",
    "|z",
  ]);
  expect(pairs([null, { kind: "removed", text: "gone", before: 1, after: null }])).toMatchObject([
    null,
    { before: { text: "gone" }, after: null },
  ]);
});

test("a unified diff is read with its line numbers", () => {
  const found = readPatch("--- a/x\n+++ b/x\n@@ -4,2 +4,2 @@\n same\n-old\n+new\n");
  expect(found).toEqual([
    { kind: "same", text: "same", before: 4, after: 4 },
    { kind: "removed", text: "old", before: 5, after: null },
    { kind: "added", text: "new", before: null, after: 5 },
  ]);
});

test("Markdown is cut into blocks, but not inside a fence or a list", () => {
  const text = "One\n\nTwo\n\n```\na\n\nb\n```\n\n- x\n\n- y\n\nEnd";
  expect(blocks(text).map((one) => one.trim())).toEqual(
    ["One", "Two\n\n```\na\n\nb\n```\n\n- x\n\n- y", "End"].flatMap((one) =>
      one.startsWith("Two") ? ["Two", "```\na\n\nb\n```\n\n- x\n\n- y"] : [one],
    ),
  );
  expect(blocks(text).join("\n")).toBe(text);
});

test("lines that were read lose the numbers that a tool gave them, and keep what was said after them", () => {
  expect(numbered("    12→a = 1\n    13→\n\n<reminder>be kind</reminder>")).toEqual({
    lines: "a = 1\n",
    first: 12,
    after: "<reminder>be kind</reminder>",
  });
  expect(numbered("a\nb\n")).toEqual({ lines: "a\nb", first: 1, after: "" });
  expect(numbered("7\tseven\n9\tnine").lines).toBe("seven");
});

test("hits of a search are found by file, in each way that tools tell them", () => {
  const hits = { found: [{ file: "src/a.py", hits: [{ line: 3, text: "x = 1" }] }], rest: [] };
  expect(hitsOf("src/a.py:3:x = 1\n")).toEqual(hits);
  expect(hitsOf("src/a.py\n3:x = 1\n")).toEqual(hits);
  expect(hitsOf("./b c.md\nMakefile.am")?.found.map((one) => one.file)).toEqual(["./b c.md", "Makefile.am"]);
  expect(hitsOf("Found 1 file\n/tmp/x/workspace/a.py")).toMatchObject({ rest: ["Found 1 file"] });
  expect(hitsOf("Nothing here, sorry")).toBe(null);
  expect(hitsOf("[site](https://other.test/page): what it says")).toBe(null);
});

test("a path is told as it is below the workspace", () => {
  expect(
    ["/tmp/s/workspace/a.py", "/workspace/a.py", "./a.py", "a.py", "repos/x/workspace/a.py"].map(inWorkspace),
  ).toEqual(["a.py", "a.py", "a.py", "a.py", "repos/x/workspace/a.py"]);
});

test("values keep what is in quotes", () => {
  expect(table('a,"b, ""c"""\r\n1,"two\nlines"\n,', ",")).toEqual([
    ["a", 'b, "c"'],
    ["1", "two\nlines"],
    ["", ""],
  ]);
  expect(table("", ",")).toEqual([]);
});

test("lines of an output are found with their numbers, whatever colours they have", () => {
  expect(linesWith("one\n\x1b[31mTwo\x1b[0m words\nthree\ntwo", "two")).toEqual(["    2  Two words", "    4  two"]);
  expect(linesWith("one", "none")).toEqual([]);
});
