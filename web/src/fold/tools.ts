// What a tool call is about: its kind, its verb and its object, for whichever agent made it.

export type ToolKind = "command" | "edit" | "write" | "read" | "list" | "search" | "plan" | "fetch" | "ask" | "other";

export type Outcome = "preparing" | "running" | "ok" | "failed" | "ended" | "waiting" | "cancelled";

export interface ResultMetadata {
  isError?: boolean;
  exitCode?: number | null;
  durationMs?: number;
  size?: number;
  ref?: string;
  [key: string]: unknown;
}

const KINDS: [RegExp, ToolKind, string][] = [
  [/^(bash|shell|run(_?command)?|exec(ute)?(_?command)?|run_shell_command|terminal)$/, "command", "Run"],
  [/^(edit|multi_?edit|str_replace(_editor)?|replace|apply_?patch|notebook_?edit)$/, "edit", "Edit"],
  [/^(write|write_?file|create_?file)$/, "write", "Write"],
  [/^(read|read_?file|view|cat|notebook_?read|read_many_files)$/, "read", "Read"],
  [/^(ls|list(_?files|_?directory)?)$/, "list", "List"],
  [/^(grep|glob|search|search_?files|search_file_content|web_?search|google_web_search|find)$/, "search", "Search"],
  [/^(todo_?write|plan|update_?plan|write_todos)$/, "plan", "Plan"],
  [/^(web_?fetch|fetch)$/, "fetch", "Fetch"],
  [/^(ask_?user_?question|ask_user)$/, "ask", "Ask"],
];

const OBJECTS = ["command", "file_path", "path", "notebook_path", "absolute_path", "pattern", "query", "url", "prompt"];

export function kindOf(name: string): ToolKind {
  const plain = snake(name);
  return KINDS.find(([pattern]) => pattern.test(plain))?.[1] ?? "other";
}

/** The verb that is shown: ours where we know the tool, else the tool's own name. */
export function verbOf(name: string): string {
  const plain = snake(name);
  const known = KINDS.find(([pattern]) => pattern.test(plain))?.[2];
  if (known) return known;
  const [, server, tool] = /^mcp__(.+?)__(.+)$/.exec(name) ?? [];
  return server && tool ? `${server}: ${tool}` : name;
}

/** What the call is done to, in one line. */
export function objectOf(input: Record<string, unknown> | null, text: string): string {
  const known = input ?? partial(text);
  const name = OBJECTS.find((one) => typeof known[one] === "string") ?? Object.keys(known)[0];
  const value = name === undefined ? "" : known[name];
  return typeof value === "string" ? (value.split("\n", 1)[0]?.slice(0, 300) ?? "") : "";
}

/** The string fields of arguments that are still streaming. */
export function partial(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, key, value] of text.matchAll(/"(\w+)"\s*:\s*"((?:[^"\\]|\\.)*)/g)) {
    if (key === undefined || value === undefined || key in found) continue;
    try {
      found[key] = JSON.parse(`"${value}"`) as string;
    } catch {
      found[key] = value;
    }
  }
  return found;
}

/** Green only for what is known to have succeeded. */
export function outcomeOf(metadata: ResultMetadata | undefined): Outcome {
  if (metadata?.isError || (metadata?.exitCode ?? 0) !== 0) return "failed";
  if (metadata?.isError === false || metadata?.exitCode === 0) return "ok";
  return "ended";
}

const snake = (name: string) => name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
