// Ctrl+K: sessions of all projects by the server's search, what can be done on this page, and places.

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { useState } from "react";
import { sessionsQuery } from "../api/queries";
import { shownStatus, titleOf } from "../contract/status";
import { actionsNow } from "./actions";
import { Dialog } from "./dialog";
import { StatusIcon } from "./status";

interface Props {
  places: { to: string; label: string; open: () => void }[];
  onClose: () => void;
}

const ITEM =
  "flex min-h-9 cursor-pointer items-center gap-2 rounded px-2 data-[selected=true]:bg-accent-soft data-[selected=true]:text-accent";

const valueOfAction = (action: { label: string }) => `on this page: ${action.label}`;

export default function Palette({ places, onClose }: Props) {
  const navigate = useNavigate();
  const [words, setWords] = useState("");
  const query = new URLSearchParams({
    limit: "8",
    sort: "-lastActivityTime",
    ...(words.trim() && { search: words.trim() }),
  });
  const found = useQuery({ ...sessionsQuery(null, query.toString()), placeholderData: (old) => old });
  const go = (to: string) => {
    onClose();
    void navigate({ to });
  };
  const has = (text: string) => text.toLowerCase().includes(words.trim().toLowerCase());
  const matches = (one: { label: string }) => has(one.label);
  // Until the server has answered for these words: of what it said before, only what has them.
  const sessions = (found.data?.items ?? []).filter(
    (one) => !found.isPlaceholderData || has(one.shown?.title ?? titleOf(one)),
  );
  const [actions] = useState(actionsNow); // of the page below, as it was when this was opened
  const offered = actions.filter(matches);
  const shown = places.filter(matches);
  // One is always picked: what was picked may have gone with the last letter.
  const [picked, setPicked] = useState("");
  const values = [
    ...sessions.map((one) => one.metadata.uid),
    ...offered.map(valueOfAction),
    ...shown.map((one) => one.to),
  ];
  const value = values.includes(picked) ? picked : (values[0] ?? "");
  return (
    <Dialog open onClose={onClose} title="Go to">
      <Command label="Go to" shouldFilter={false} loop value={value} onValueChange={setPicked}>
        <Command.Input
          value={words}
          onValueChange={setWords}
          placeholder="A session, an action or a place"
          className="field mb-2"
          autoFocus
        />
        <Command.List className="max-h-[50vh] overflow-y-auto">
          <Command.Empty className="p-2 text-muted">Nothing matches.</Command.Empty>
          <Command.Group
            heading="Sessions"
            className="text-xs text-muted [&_[cmdk-item]]:text-sm [&_[cmdk-item]]:text-text"
          >
            {sessions.map((one) => {
              const { name, namespace } = one.metadata;
              const status = shownStatus(one);
              return (
                <Command.Item
                  key={one.metadata.uid}
                  value={one.metadata.uid}
                  className={ITEM}
                  onSelect={() => go(`/projects/${encodeURIComponent(namespace)}/sessions/${encodeURIComponent(name)}`)}
                >
                  <StatusIcon word={status.word} tone={status.tone} />
                  <span className="min-w-0 flex-1 truncate">{one.shown?.title ?? titleOf(one)}</span>
                  <span className="text-xs text-muted">{status.word}</span>
                </Command.Item>
              );
            })}
          </Command.Group>
          {offered.length > 0 && (
            <Command.Group
              heading="On this page"
              className="text-xs text-muted [&_[cmdk-item]]:text-sm [&_[cmdk-item]]:text-text"
            >
              {offered.map((one) => (
                <Command.Item
                  key={one.label}
                  value={valueOfAction(one)}
                  className={ITEM}
                  onSelect={() => {
                    onClose();
                    setTimeout(one.act); // when the focus is back on the page
                  }}
                >
                  <span className="flex-1">{one.label}</span>
                  {one.key && <kbd className="text-xs text-muted">{one.key}</kbd>}
                </Command.Item>
              ))}
            </Command.Group>
          )}
          <Command.Group
            heading="Places"
            className="text-xs text-muted [&_[cmdk-item]]:text-sm [&_[cmdk-item]]:text-text"
          >
            {shown.map((one) => (
              <Command.Item
                key={one.to}
                value={one.to}
                className={ITEM}
                onSelect={() => {
                  onClose();
                  one.open();
                }}
              >
                {one.label}
              </Command.Item>
            ))}
          </Command.Group>
        </Command.List>
      </Command>
    </Dialog>
  );
}
