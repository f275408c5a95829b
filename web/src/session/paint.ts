// Colours for code, in a worker: shiki's grammars give tokens, a table of ours gives each a class. No markup is made here.

import { createJavaScriptRegexEngine } from "@shikijs/engine-javascript";
import {
  type CodeToTokensBaseOptions,
  codeToTokensBase,
  createShikiPrimitive,
  getLastGrammarState,
  type ShikiPrimitive,
  type ThemeRegistrationAny,
} from "@shikijs/primitive";
import type { PaintedLine, Token } from "./code";
import { grammarOf } from "./grammars";

/** What of a grammar gets which class. The most precise scope counts; of equal ones the last. */
const LOOKS: [look: string, scopes: string[]][] = [
  ["p", ["punctuation", "meta.brace"]],
  ["k", ["keyword", "storage", "variable.language", "markup.heading", "entity.name.section", "entity.name.tag"]],
  ["", ["keyword.operator", "storage.modifier.import", "storage.modifier.package", "punctuation.definition.variable"]],
  ["k", ["keyword.operator.expression", "keyword.operator.new", "keyword.operator.logical.python", "storage.type"]],
  ["n", ["constant", "support.constant", "keyword.other.unit", "punctuation.definition.list"]],
  ["f", ["entity.name.function", "support.function", "meta.function-call.generic", "meta.decorator", "markup.link"]],
  ["t", ["entity.name.type", "entity.name.class", "support.type", "support.class", "entity.other.inherited-class"]],
  ["a", ["entity.other.attribute-name", "meta.object-literal.key", "support.type.property-name", "variable.parameter"]],
  ["s", ["string", "punctuation.definition.string", "markup.inline.raw", "markup.inserted", "string.regexp"]],
  ["n", ["constant.character.escape", "constant.other.placeholder"]],
  ["", ["meta.template.expression", "meta.interpolation", "meta.embedded"]],
  ["a", ["support.type.property-name", "punctuation.support.type.property-name", "entity.name.tag.yaml"]],
  ["x", ["markup.deleted", "invalid"]],
  ["c", ["comment", "punctuation.definition.comment", "meta.diff", "string.quoted.docstring"]],
];

/** A theme wants colours: the number of a row stands for one. */
const colour = (row: number) => `#${(row + 1).toString(16).padStart(6, "0")}`;
const LOOK_OF = new Map(LOOKS.map(([look], row) => [colour(row).toUpperCase(), look]));
const THEME: ThemeRegistrationAny = {
  name: "ours",
  type: "light",
  fg: "#FFFFFF",
  bg: "#FFFFFE",
  settings: LOOKS.map(([, scope], row) => ({ scope, settings: { foreground: colour(row) } })),
};

const SLICE = 50; // lines that are drawn in one go
const LONGEST_LINE = 2000;
const LONGEST_TIME = 5000; // milliseconds for a line; a grammar is made ready in the first one

type GrammarState = NonNullable<CodeToTokensBaseOptions["grammarState"]>;

export interface Slice {
  text: string;
  lines: PaintedLine[];
  /** Where the grammar stands after its last line. */
  state: GrammarState | undefined;
}

let shiki: ShikiPrimitive | null = null;

/** A text in colours, in slices. Those that `before` begins with are not drawn again; null when nobody waits any more. */
export async function paint(
  language: string,
  text: string,
  before: readonly Slice[],
  left?: AbortSignal,
): Promise<Slice[] | null> {
  const grammar = await grammarOf(language);
  shiki ??= createShikiPrimitive({
    engine: createJavaScriptRegexEngine({ forgiving: true }),
    themes: [THEME],
    langs: [],
  });
  if (!shiki.getLoadedLanguages().includes(language)) shiki.loadLanguageSync(...grammar);
  const slices: Slice[] = [];
  let same = true;
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at += SLICE) {
    const slice = lines.slice(at, at + SLICE).join("\n");
    const known = before[slices.length];
    same = same && known?.text === slice;
    if (same && known) {
      slices.push(known);
      continue;
    }
    slices.push(drawn(shiki, language, slice, slices.at(-1)?.state));
    await new Promise((resolve) => setTimeout(resolve)); // so that it is heard when nobody waits any more
    if (left?.aborted) return null;
  }
  return slices;
}

function drawn(shiki: ShikiPrimitive, lang: string, text: string, grammarState: GrammarState | undefined): Slice {
  const tokens = codeToTokensBase(shiki, text, {
    lang,
    theme: THEME.name ?? "",
    ...(grammarState && { grammarState }),
    tokenizeMaxLineLength: LONGEST_LINE,
    tokenizeTimeLimit: LONGEST_TIME,
  });
  const lines = tokens.map((line): PaintedLine => {
    const pieces: Token[] = [];
    for (const { content, color } of line) {
      const look = LOOK_OF.get(color?.toUpperCase() ?? "") ?? "";
      const last = pieces.at(-1);
      if (last && (last[1] === look || !content.trim())) pieces[pieces.length - 1] = [last[0] + content, last[1]];
      else pieces.push([content, look]);
    }
    return { text: line.map((one) => one.content).join(""), tokens: pieces };
  });
  return { text, lines, state: getLastGrammarState(shiki, tokens) };
}
