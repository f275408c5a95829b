// What `@` and `/` offer while writing: files and agents, commands of the active workflow.

import { useQuery } from "@tanstack/react-query";
import { get } from "../api/http";
import { filesQuery } from "../api/queries";
import { useSession } from "./context";

export interface Mention {
  /** What is put into the text. */
  text: string;
  label: string;
  note: string;
}
interface Metadata {
  commands?: { id: string; name: string; description?: string; slashCommand?: string }[];
  agents?: { id: string; name: string; description?: string }[];
}

const MOST = 8;

/** The word at the caret, when it begins with @ or /. */
export function wordAt(text: string, caret: number): { kind: "@" | "/"; word: string; from: number } | null {
  const found = /(^|\s)([@/])([^\s@]*)$/.exec(text.slice(0, caret));
  if (!found) return null;
  const [, , kind, word = ""] = found;
  if (kind === "/" && text.slice(0, caret).trimStart().length !== word.length + 1) return null; // a path, not a command
  return { kind: kind as "@" | "/", word, from: caret - word.length - 1 };
}

/** What fits the word; `why` says what would bring some when nothing does. */
export function useMentions(kind: "@" | "/" | null, word: string): { items: Mention[]; why: string } {
  const { api, project, name, over } = useSession();
  const metadata = useQuery({
    queryKey: ["workflow", project, name],
    queryFn: () => get<Metadata>(`${api}/workflow/metadata`),
    enabled: kind !== null && !over,
    retry: false,
    staleTime: 60_000,
  });
  const slash = word.lastIndexOf("/");
  const folder = slash < 0 ? "" : word.slice(0, slash);
  const files = useQuery({
    ...filesQuery(project, name, folder),
    enabled: kind === "@",
    retry: false,
    staleTime: 10_000,
  });
  if (kind === null) return { items: [], why: "" };
  const fits = (text: string) => text.toLowerCase().includes(word.toLowerCase());
  if (kind === "/") {
    const commands = (metadata.data?.commands ?? []).map((one) => ({
      text: `${one.slashCommand ?? `/${one.name}`} `,
      label: one.slashCommand ?? `/${one.name}`,
      note: one.description ?? "",
    }));
    return {
      items: commands.filter((one) => fits(one.label)).slice(0, MOST),
      why: "No commands: a workflow would bring some.",
    };
  }
  const agents = (metadata.data?.agents ?? []).map((one) => ({
    text: `@${one.name} `,
    label: `@${one.name}`,
    note: one.description ?? "agent",
  }));
  const found = (files.data?.items ?? []).map((one) => ({
    text: one.isDir ? `@${one.path}/` : `@${one.path} `,
    label: one.isDir ? `${one.path}/` : one.path,
    note: one.isDir ? "folder" : "file",
  }));
  const all = [...agents, ...found].filter((one) => fits(one.label));
  return { items: all.slice(0, MOST), why: "No file or agent of that name." };
}

interface Props {
  id: string;
  items: Mention[];
  why: string;
  at: number;
  onChoose: (mention: Mention) => void;
}

export function MentionList({ id, items, why, at, onChoose }: Props) {
  if (!items.length) return <p className="mb-1 px-1 text-xs text-muted">{why}</p>;
  return (
    <div id={id} role="listbox" aria-label="What can be mentioned" className="panel mb-1 overflow-hidden">
      {items.map((one, index) => (
        <div
          key={one.label}
          id={`${id}-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === at}
          className="flex min-h-7 cursor-pointer items-center gap-3 px-2 aria-selected:bg-accent-soft"
          onMouseDown={(event) => {
            event.preventDefault();
            onChoose(one);
          }}
        >
          <span className="font-mono text-[0.9286rem]">{one.label}</span>
          <span className="min-w-0 flex-1 truncate text-xs text-muted">{one.note}</span>
        </div>
      ))}
    </div>
  );
}
