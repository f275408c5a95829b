// Dialogs about a project: another shown name, and its end.

import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { put, remove } from "../api/http";
import { projectApi } from "../api/paths";
import { projectsQuery, sessionsQuery } from "../api/queries";
import type { Project, ProjectList } from "../api/types";
import { titleOf } from "../contract/status";
import { confirmDone } from "../ui/announce";
import { Dialog } from "../ui/dialog";
import { ActForm, TextField } from "../ui/form";
import { ProblemView } from "../ui/problem";
import { Waiting } from "../ui/waiting";

export function RenameProject({ found, onClose }: { found: Project; onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState(found.displayName);
  const act = async () => {
    await put(projectApi(found.name), { displayName: name.trim() });
    await client.invalidateQueries({ queryKey: projectsQuery.queryKey });
    confirmDone("Saved.");
    onClose();
  };
  return (
    <Dialog open onClose={onClose} title={`Rename ${found.displayName}`}>
      <ActForm submit="Save" onSubmit={act}>
        <TextField
          label="Shown name"
          value={name}
          onChange={setName}
          hint={`Its name in addresses and commands stays ${found.name}.`}
        />
      </ActForm>
    </Dialog>
  );
}

interface DeleteProps {
  project: string;
  onClose: () => void;
  onDeleted?: () => Promise<unknown>;
}

/** Asks, and names what is lost. */
export function DeleteProject({ project, onClose, onDeleted }: DeleteProps) {
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const act = async () => {
    await remove(projectApi(project));
    forget(client, project);
    onClose();
    confirmDone(`The project ${project} is being deleted.`);
    await onDeleted?.();
    await client.invalidateQueries({ queryKey: projectsQuery.queryKey });
    await client.invalidateQueries({ queryKey: ["sessions"] });
  };
  return (
    <Dialog open onClose={onClose} title={`Delete the project ${project}?`}>
      <p>
        All its sessions with their history and their files that were not pushed, its secrets, keys and settings are
        lost. This cannot be undone.
      </p>
      <LostSessions project={project} />
      <ActForm
        submit="Delete the project"
        disabled={typed === project ? undefined : "Write its name first."}
        onSubmit={act}
      >
        <TextField label={`Its name, ${project}`} value={typed} onChange={setTyped} />
      </ActForm>
    </Dialog>
  );
}

/** No list has it any more, so nothing asks about it until the server is asked for the lists. */
function forget(client: QueryClient, project: string): void {
  client.setQueriesData<ProjectList>(
    { queryKey: projectsQuery.queryKey },
    (list) => list && { ...list, items: list.items.filter((one) => one.name !== project) },
  );
}

function LostSessions({ project }: { project: string }) {
  const list = useQuery(sessionsQuery(project, "limit=10&sort=attention"));
  if (list.error) return <ProblemView error={list.error} />;
  if (!list.data) return <Waiting>Reading its sessions…</Waiting>;
  const { items, totalCount } = list.data;
  if (!items.length) return <p className="my-3">It has no sessions.</p>;
  const more = totalCount - items.length;
  return (
    <ul aria-label="Its sessions" className="my-3 list-disc pl-5">
      {items.map((one) => (
        <li key={one.metadata.uid} className="break-words">
          {one.shown?.title ?? titleOf(one)}
        </li>
      ))}
      {more > 0 && <li>and {more.toLocaleString()} more</li>}
    </ul>
  );
}
