import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { grammarOf } from "../src/session/grammars";
import { languageOf, languages } from "../src/session/languages";
import { paint, type Slice } from "../src/session/paint";

const styles = readFileSync("src/styles.css", "utf8");

/** The two colours, light and dark, of a declaration. */
function pair(declared: string): [string, string] {
  const name = /var\((--[\w-]+)\)/.exec(declared)?.[1];
  const given = name ? (new RegExp(`${name}: (light-dark\\(.*\\));`).exec(styles)?.[1] ?? "") : declared;
  const [, light, dark] = /light-dark\((#\w{6}), (#\w{6})\)/.exec(given) ?? [];
  if (!light || !dark) throw new Error(`no two colours in ${declared}`);
  return [light, dark];
}

function luminance(colour: string): number {
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
  const [r = 0, g = 0, b = 0] = parts.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

test("every colour of code can be read on every ground that code stands on", () => {
  const block = /\n\.code \{\n(.*?)\n\}\n/s.exec(styles)?.[1] ?? "";
  const looks = [...block.matchAll(/\.(\w) \{\s*color: (.*?);/g)].map(([, look = "", colour = ""]) => ({
    look,
    colour,
  }));
  expect(looks.map((one) => one.look)).toEqual(["c", "p", "s", "n", "k", "f", "t", "a", "x"]);
  const faint = looks.flatMap(({ look, colour }) =>
    ["--code", "--surface", "--green-soft", "--red-soft", "--amber-soft"].flatMap((ground) =>
      [0, 1].flatMap((scheme) => {
        const found = contrast(pair(colour)[scheme] ?? "", pair(`var(${ground})`)[scheme] ?? "");
        return found >= 4.5 ? [] : [`${look} on ${ground}, ${scheme ? "dark" : "light"}: ${found.toFixed(2)}`];
      }),
    ),
  );
  expect(faint).toEqual([]);
});

test("a language is known by its word, its file's ending and its file's name", () => {
  expect(["python", "py", "src/a.test.ts", "Dockerfile", "deploy/Makefile", "a.jsonl", "c++"].map(languageOf)).toEqual([
    "python",
    "python",
    "typescript",
    "docker",
    "make",
    "json",
    "cpp",
  ]);
  expect(["", "notes.txt", "LICENSE", "nothing/known.xyz"].map(languageOf)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("every language has its grammar", async () => {
  for (const language of languages()) {
    const found = await grammarOf(language);
    expect(
      found.map((one) => one.name),
      language,
    ).toContain(language);
  }
});

const linesOf = (slices: Slice[] | null) => (slices ?? []).flatMap((one) => one.lines);

const looksOf = async (language: string, text: string) => {
  const pieces = linesOf(await paint(language, text, [])).flatMap((line) => line.tokens);
  return Object.fromEntries(pieces.filter(([, look]) => look).map(([piece, look]) => [piece.trim(), look]));
};

test("words of a language get their colours", async () => {
  const python = await looksOf("python", 'def login(user):\n    # why\n    return "ok", 401\n');
  expect(python).toMatchObject({ def: "k", login: "f", user: "a", "# why": "c", return: "k", '"ok"': "s", "401": "n" });
  expect(await looksOf("json", '{"a": true}')).toMatchObject({ '"a"': "a", true: "n" });
  expect(await looksOf("yaml", "name: demo # why")).toMatchObject({ name: "a", demo: "s", "# why": "c" });
  expect(await looksOf("typescript", "export const a: Thing = 1")).toMatchObject({ "export const": "k", Thing: "t" });
});

test("no character of a text is lost or moved by its colours", async () => {
  const text = `const a = \`x \${1 + 1}\`;\n\n\t// tab\n  <b>&amp;</b>\n${"é🙂\n".repeat(120)}/* open`;
  const lines = linesOf(await paint("typescript", text, []));
  expect(lines.map((line) => line.tokens.map(([piece]) => piece).join(""))).toEqual(text.split("\n"));
  expect(lines.map((line) => line.text)).toEqual(text.split("\n"));
});

test("a text that grows is drawn on from where it was", async () => {
  const start = `"""\n${"a line of a long docstring\n".repeat(149)}`;
  const before = await paint("python", start, []);
  const after = await paint("python", `${start}"""\nx = 1\n`, before ?? []);
  expect(linesOf(after)[10]).toBe(linesOf(before)[10]); // not drawn again
  expect(linesOf(after).at(-3)?.text).toBe('"""');
  expect(linesOf(after).at(-2)?.tokens.at(-1)).toEqual(["1", "n"]); // the docstring has ended
  expect(linesOf(await paint("python", `${start}"""\nx = 1\n`, []))).toEqual(linesOf(after));
});

test("a drawing that nobody waits for ends", async () => {
  const left = new AbortController();
  left.abort();
  expect(await paint("python", "x = [1, 2, {'a': None}]\n".repeat(5000), [], left.signal)).toBe(null);
});
