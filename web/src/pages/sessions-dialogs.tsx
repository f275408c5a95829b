// Dialogs of the sessions list; each comes when it is asked for.

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { modelsQuery, runnersQuery } from "../api/queries";
import type { Row } from "../api/types";
import { titleOf } from "../contract/status";
import { Lost, LostWork } from "../session/lost";
import { Dialog } from "../ui/dialog";
import { ActForm, SelectField, TextField } from "../ui/form";
import type { SessionsSearch } from "./sessions-search";

interface SaveProps {
  isAdmin: boolean;
  onClose: () => void;
  onSave: (name: string, shared: boolean) => Promise<void>;
}

export function SaveView({ isAdmin, onClose, onSave }: SaveProps) {
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  return (
    <Dialog open onClose={onClose} title="Save this view">
      <ActForm submit="Save" onSubmit={() => onSave(name.trim(), shared)}>
        <TextField
          label="What it is called"
          required
          value={name}
          onChange={setName}
          hint="Its filters and order; it is there on every device."
        />
        {isAdmin && (
          <label className="flex items-center gap-2">
            <input type="checkbox" checked={shared} onChange={(event) => setShared(event.target.checked)} />
            For everyone in this project
          </label>
        )}
      </ActForm>
    </Dialog>
  );
}

interface FilterProps {
  project: string;
  search: SessionsSearch;
  onSet: (search: SessionsSearch) => void;
  onClose: () => void;
}

type Field = "runner" | "model" | "repo" | "label" | "owner" | "after" | "cost";

/** Every filter that there is, with what is set. */
export function FilterDialog({ project, search, onSet, onClose }: FilterProps) {
  const runners = useQuery(runnersQuery(project));
  const models = useQuery(modelsQuery(project));
  const [given, setGiven] = useState<SessionsSearch>(search);
  const field = (name: Field) => ({
    value: given[name] ?? "",
    onChange: (value: string) => setGiven({ ...given, [name]: value }),
  });
  const show = (event: FormEvent) => {
    event.preventDefault();
    onSet(Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value?.trim() || undefined])));
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title="Filter the sessions">
      <form onSubmit={show} className="flex flex-col gap-3">
        <SelectField
          label="Agent"
          options={[["", "any"], ...(runners.data ?? []).map((one): [string, string] => [one.id, one.displayName])]}
          {...field("runner")}
        />
        <SelectField
          label="Model"
          options={[["", "any"], ...(models.data?.models ?? []).map((one): [string, string] => [one.id, one.label])]}
          {...field("model")}
        />
        <TextField label="Repository" placeholder="address or name" {...field("repo")} />
        <TextField label="Label" placeholder="team=api" {...field("label")} />
        <TextField label="Owner" placeholder="me, or who it is" {...field("owner")} />
        <TextField label="Made since" type="date" {...field("after")} />
        <TextField label="Cost in dollars, at least" type="number" {...field("cost")} />
        <div className="flex gap-2">
          <button type="submit" className="btn btn-primary">
            Show
          </button>
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface LabelProps {
  rows: Row[];
  onLabel: (key: string, value: string | null) => void;
  onClose: () => void;
}

export function LabelDialog({ rows, onLabel, onClose }: LabelProps) {
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  return (
    <Dialog open onClose={onClose} title={rows.length === 1 ? "Label this session" : `Label ${rows.length} sessions`}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          onLabel(key.trim(), value.trim());
        }}
      >
        <TextField label="Label" required value={key} onChange={setKey} placeholder="team" />
        <TextField label="Its value" value={value} onChange={setValue} placeholder="api" hint="It may be empty." />
        <div className="flex flex-wrap gap-2">
          <button type="submit" className="btn btn-primary">
            Set it
          </button>
          <button type="button" className="btn" disabled={!key.trim()} onClick={() => onLabel(key.trim(), null)}>
            Take it away
          </button>
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const MOST_ASKED = 10; // of many sessions, so many are asked for what they have not pushed

interface DeleteProps {
  rows: Row[];
  /** Selected, and not theirs to delete. */
  left: number;
  onDelete: () => void;
  onClose: () => void;
}

export function DeleteDialog({ rows, left, onDelete, onClose }: DeleteProps) {
  return (
    <Dialog
      open
      onClose={onClose}
      title={rows.length === 1 ? "Delete the session?" : `Delete ${rows.length} sessions?`}
    >
      <p>This is lost and cannot be brought back:</p>
      {left > 0 && (
        <p className="mt-2 text-amber">
          {left} more are selected and stay: only their creator or an admin deletes them.
        </p>
      )}
      <ul aria-label="What is lost" className="my-3 list-disc pl-5">
        {rows.map((one, at) => (
          <li key={one.metadata.uid}>
            {titleOf(one)}: <Lost of={one} />
            <LostWork of={one} ask={at < MOST_ASKED} />
          </li>
        ))}
      </ul>
      <div className="flex gap-2">
        <button type="button" className="btn btn-danger" onClick={onDelete}>
          Delete
        </button>
        <button type="button" className="btn" onClick={onClose}>
          Keep them
        </button>
      </div>
    </Dialog>
  );
}
