// What is behind the line of a tool call: its input and result, drawn by the kind of the tool.

import { useState } from "react";
import { textOf } from "../api/http";
import type { ToolItem } from "../fold/timeline";
import { partial } from "../fold/tools";
import { ProblemView } from "../ui/problem";
import { bytes } from "../ui/time";
import { Lines } from "./code";
import { useSession } from "./context";
import { diffOf } from "./diff";
import { DiffView } from "./diff-view";
import { JsonTree } from "./json-tree";
import { hitsOf, inWorkspace, numbered } from "./lines";
import { Prose } from "./markdown";
import { Output } from "./output";
import { Terminal } from "./terminal";
import { PlanLine } from "./tool";

export function ToolBody({ item }: { item: ToolItem }) {
  const { openFile, openChanges, unfolded } = useSession();
  const input = item.input ?? partial(item.text);
  const path = input.file_path ?? input.path;
  const failed = item.outcome === "failed";
  return (
    <div className="flex min-w-0 flex-col gap-2">
      {item.tool === "command" && <Terminal label="Command" text={`$ ${String(input.command ?? "")}`} />}
      {(item.tool === "edit" || item.tool === "write") && (
        <DiffView diff={diffOf(item)} label="Content" name={String(path ?? "")} />
      )}
      {item.tool === "plan" && <PlanOf input={input} />}
      {(item.tool === "other" || item.tool === "fetch") && <Fields input={input} />}
      {item.result === null && item.output && <SoFar text={item.output} runs={item.outcome === "running"} />}
      {item.result !== null &&
        (item.tool !== "plan" || failed) &&
        ((item.tool !== "edit" && item.tool !== "write") || failed) && <Result item={item} />}
      <div className={unfolded ? "hidden" : "flex flex-wrap gap-2"}>
        {typeof path === "string" && (item.tool === "read" || item.tool === "write" || item.tool === "edit") && (
          <button type="button" className="btn btn-quiet btn-small" onClick={() => openFile(path, lineOf(item))}>
            Open file
          </button>
        )}
        {(item.tool === "write" || item.tool === "edit") && (
          <button
            type="button"
            className="btn btn-quiet btn-small"
            onClick={() => openChanges(typeof path === "string" ? inWorkspace(path) : undefined)}
          >
            Open in Changes
          </button>
        )}
        <details>
          <summary className="btn btn-quiet btn-small">Raw input and result</summary>
          <Terminal label="Raw input" text={item.text || "{}"} />
          {item.result !== null && <Terminal label="Raw result" text={item.result} />}
        </details>
      </div>
    </div>
  );
}

const NEWEST = 24; // lines; the rest is above

/** What a command has put out and nobody has the result of: its newest lines in view, as in a terminal. */
function SoFar({ text, runs }: { text: string; runs: boolean }) {
  const [all, setAll] = useState(false);
  const lines = text.replace(/\n$/, "").split("\n");
  const hidden = all ? 0 : Math.max(0, lines.length - NEWEST);
  return (
    <>
      {hidden > 0 && (
        <button type="button" className="btn btn-quiet btn-small self-start" onClick={() => setAll(true)}>
          {hidden} {hidden === 1 ? "line" : "lines"} before
        </button>
      )}
      <Terminal label={runs ? "Output so far" : "Output until then"} text={lines.slice(hidden).join("\n")} />
    </>
  );
}

function PlanOf({ input }: { input: Record<string, unknown> }) {
  const steps = input.todos ?? input.items ?? input.plan ?? input.steps;
  if (!Array.isArray(steps)) return null;
  return (
    <ol className="flex flex-col">
      {steps.map((one: Record<string, unknown> | string, at) => (
        <PlanLine
          key={at}
          status={typeof one === "string" ? "pending" : String(one.status)}
          text={typeof one === "string" ? one : String(one.content ?? one.text ?? one.step ?? "")}
        />
      ))}
    </ol>
  );
}

function Fields({ input }: { input: Record<string, unknown> }) {
  const fields = Object.entries(input);
  if (!fields.length) return null;
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-3 gap-y-1">
      {fields.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0 font-mono text-[0.9286rem] whitespace-pre-wrap">
            {typeof value === "string" ? value : JSON.stringify(value, null, 1)}
          </dd>
        </div>
      ))}
    </dl>
  );
}

const LONG = 200; // lines that are shown without being asked for
const HEAD = 20;
const TAIL = 80;

function Result({ item }: { item: ToolItem }) {
  const { api } = useSession();
  const [whole, setWhole] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const text = (whole ?? item.result ?? "").replace(/\n$/, "");
  const { ref, size } = item.metadata;
  const load = async () => {
    try {
      setWhole(await textOf(`${api}/agui/blobs/${encodeURIComponent(ref ?? "")}`));
      setAll(true);
    } catch (problem) {
      setError(problem);
    }
  };
  const lines = text.split("\n");
  const folded = !all && lines.length > LONG;
  const begins = item.tool === "read" || item.tool === "search"; // the rest is more of the same
  const shown = !folded
    ? text
    : begins
      ? lines.slice(0, HEAD + TAIL).join("\n")
      : [...lines.slice(0, HEAD), `⋯ ${lines.length - HEAD - TAIL} lines ⋯`, ...lines.slice(-TAIL)].join("\n");
  return (
    <div>
      {item.tool === "search" ? (
        <Hits text={shown} />
      ) : item.tool === "other" || item.tool === "fetch" ? (
        <ResultText text={shown} />
      ) : item.tool === "read" ? (
        <ReadLines text={shown} name={nameOf(item)} />
      ) : (
        <Output text={text} shown={shown} />
      )}
      {folded && (
        <button type="button" className="btn btn-small mt-1" onClick={() => setAll(true)}>
          Show all {lines.length} lines
        </button>
      )}
      {ref && whole === null && (
        <p className="mt-1 flex flex-wrap items-center gap-2 text-muted">
          This is the beginning of {size ? bytes(size) : "a long result"}.
          <button type="button" className="btn btn-small" onClick={load}>
            Show everything
          </button>
        </p>
      )}
      {error !== null && <ProblemView error={error} />}
    </div>
  );
}

/** What was read, in its colours; an agent's tool may have put the number of each line before it. */
function ReadLines({ text, name }: { text: string; name: string }) {
  const { lines, first, after } = numbered(text);
  return (
    <>
      <Lines text={lines} first={first} name={name} label="Result" />
      {after && <Terminal label="Said with it" text={after} />}
    </>
  );
}

function nameOf(item: ToolItem): string {
  const input = item.input ?? partial(item.text);
  return String(input.file_path ?? input.path ?? input.absolute_path ?? "");
}

/** What a search found: by file, each hit a way to its line. */
function Hits({ text }: { text: string }) {
  const { openFile, unfolded } = useSession();
  const hits = hitsOf(text);
  if (!text.trim()) return <p className="text-muted">Nothing found.</p>;
  if (!hits) return <ResultText text={text} />;
  return (
    <div role="group" aria-label="Result" tabIndex={0} className="terminal max-h-[60vh] overflow-auto">
      <ul>
        {hits.found.map(({ file, hits }) => (
          <li key={file}>
            <FileLink file={file} onOpen={unfolded ? undefined : openFile} />
            {hits.length > 1 && <span className="text-muted"> {hits.length} hits</span>}
            <ul className="ml-4">
              {hits.map((one, at) => (
                <li key={at} className="flex gap-2">
                  <FileLink file={file} line={one.line} onOpen={unfolded ? undefined : openFile} />
                  <span className="min-w-0">{one.text}</span>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
      {hits.rest.length > 0 && <p className="text-muted">{hits.rest.join("\n")}</p>}
    </div>
  );
}

interface FileLinkProps {
  file: string;
  line?: number;
  onOpen: ((path: string, line?: number) => void) | undefined;
}

function FileLink({ file, line, onOpen }: FileLinkProps) {
  const path = inWorkspace(file);
  const shown = line ?? path;
  if (!onOpen) return <span>{shown}</span>;
  const search = new URLSearchParams({ panel: "files", file: path, ...(line && { line: String(line) }) });
  return (
    <a
      href={`?${search}`}
      aria-label={line ? `${path}, line ${line}` : path}
      className="inline-block min-h-7 min-w-7"
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return; // into another tab
        event.preventDefault();
        onOpen(path, line);
      }}
    >
      {shown}
    </a>
  );
}

/** The line that was read first. */
function lineOf(item: ToolItem): number | undefined {
  const { first } = numbered(item.tool === "read" ? (item.result ?? "") : "");
  return first > 1 ? first : undefined;
}

/** A result of a tool that we do not know: a tree where it is JSON, else Markdown. */
function ResultText({ text }: { text: string }) {
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === "object" && found !== null) return <JsonTree value={found} />;
  } catch {
    // no JSON: text
  }
  return (
    <div role="group" aria-label="Result" className="max-h-[60vh] overflow-auto">
      <Prose text={text} />
    </div>
  );
}
