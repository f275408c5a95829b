// Find in this session: by the server, over the whole log; a hit leads to its place.

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { get } from "../api/http";
import { type SnapshotMessage, textOf } from "../fold/timeline";
import { Dialog } from "../ui/dialog";
import { Offered } from "../ui/offered";
import { useSession } from "./context";

interface Hits {
  messages: SnapshotMessage[];
  hasMore: boolean;
}

export function Find({ onClose }: { onClose: () => void }) {
  const { api } = useSession();
  const navigate = useNavigate();
  const [words, setWords] = useState("");
  const asked = words.trim();
  const found = useQuery({
    queryKey: ["find", api, asked],
    queryFn: () => get<Hits>(`${api}/messages?limit=50&search=${encodeURIComponent(asked)}`),
    enabled: asked.length > 1,
    placeholderData: (old) => old,
  });
  const go = (seq: number) => {
    onClose();
    void navigate({ to: ".", search: true, hash: `e${seq}`, replace: true });
  };
  return (
    <Dialog open onClose={onClose} title="Find in this session" wide>
      <label htmlFor="find" className="sr-only">
        Words to find
      </label>
      <input
        id="find"
        type="search"
        className="field mb-3"
        placeholder="In messages, commands and results"
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      {asked.length > 1 && (
        <Offered query={found} what="Search in a session">
          {({ messages, hasMore }) => (
            <ul className="flex flex-col">
              {!messages.length && <li className="text-muted">Nothing found.</li>}
              {messages.map((one) => (
                <li key={one.id}>
                  <button
                    type="button"
                    className="w-full rounded px-2 py-1 text-left hover:bg-hover"
                    onClick={() => go(one.seq ?? 0)}
                  >
                    <span className="text-xs text-muted">{one.role}</span>{" "}
                    <Excerpt text={textOfMessage(one)} words={asked} />
                  </button>
                </li>
              ))}
              {hasMore && <li className="px-2 text-muted">There are more; use more words.</li>}
            </ul>
          )}
        </Offered>
      )}
    </Dialog>
  );
}

const textOfMessage = (one: SnapshotMessage) =>
  [
    textOf(one.content),
    ...(one.toolCalls ?? []).map((call) => `${call.function.name} ${call.function.arguments}`),
  ].join(" ");

function Excerpt({ text, words }: { text: string; words: string }) {
  const at = text.toLowerCase().indexOf(words.toLowerCase());
  if (at < 0) return <span>{text.slice(0, 140)}</span>;
  const from = Math.max(0, at - 60);
  return (
    <span>
      {from > 0 && "…"}
      {text.slice(from, at)}
      <mark className="rounded bg-amber-soft text-amber">{text.slice(at, at + words.length)}</mark>
      {text.slice(at + words.length, at + words.length + 80)}
    </span>
  );
}
