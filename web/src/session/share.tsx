// A link to the session, or to one message of it, and who can open it. There are no links for strangers.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { get, post } from "../api/http";
import { projectApi } from "../api/paths";
import { accessQuery } from "../api/queries";
import { confirmDone } from "../ui/announce";
import { Dialog } from "../ui/dialog";
import { Needs } from "../ui/needs";
import { Offered } from "../ui/offered";
import { ProblemView } from "../ui/problem";
import { useSession } from "./context";
import { copy } from "./copy";

interface Member {
  subjectType: "user" | "group";
  subjectName: string;
  role: string;
}
const MAY: Record<string, string> = {
  view: "reads it",
  edit: "writes in it",
  admin: "writes in it and manages the project",
};

/** message: the number of the event that begins the message in view; null: there is none. */
export function Share({ message, onClose }: { message: number | null; onClose: () => void }) {
  const [to, setTo] = useState<"session" | "message">("session");
  const link = `${location.origin}${location.pathname}${to === "message" && message ? `#e${message}` : ""}`;
  return (
    <Dialog open onClose={onClose} title="Share this session">
      <fieldset className="flex flex-wrap gap-4">
        <legend className="sr-only">What the link leads to</legend>
        <label className="flex items-center gap-1">
          <input type="radio" name="to" checked={to === "session"} onChange={() => setTo("session")} /> The session
        </label>
        <label className="flex items-center gap-1">
          <input
            type="radio"
            name="to"
            disabled={message === null}
            checked={to === "message"}
            onChange={() => setTo("message")}
          />{" "}
          The message in view
        </label>
      </fieldset>
      <div className="mt-2 flex flex-wrap gap-2">
        <input className="field min-w-40 flex-1" aria-label="Link" readOnly value={link} onFocus={selectAll} />
        <button type="button" className="btn btn-primary" onClick={() => copy(link, "The link is copied.")}>
          Copy link
        </button>
      </div>
      <People />
    </Dialog>
  );
}

const selectAll = (event: React.FocusEvent<HTMLInputElement>) => event.target.select();

function People() {
  const { project } = useSession();
  const access = useQuery(accessQuery(project));
  const list = useQuery({
    queryKey: ["permissions", project],
    queryFn: () => get<{ items: Member[] }>(`${projectApi(project)}/permissions`),
  });
  return (
    <section aria-label="Who can open it" className="mt-4">
      <h3 className="mb-1 font-semibold">Who can open it</h3>
      <Offered query={list} what="Sharing a project">
        {({ items }) => (
          <ul className="panel max-h-[30vh] divide-y divide-line overflow-y-auto">
            {items.map((one) => (
              <li key={`${one.subjectType}/${one.subjectName}`} className="flex flex-wrap gap-x-2 px-3 py-1">
                <strong className="min-w-0 break-words">{one.subjectName}</strong>
                <span className="text-muted">
                  {one.subjectType === "group" ? "group, " : ""}
                  {MAY[one.role] ?? one.role}
                </span>
              </li>
            ))}
          </ul>
        )}
      </Offered>
      <p className="mt-1 text-xs text-muted">
        Nobody else: a link alone opens nothing. The members of project {project} see all its sessions.{" "}
        <Link to="/projects/$project/sharing" params={{ project }}>
          Sharing
        </Link>
      </p>
      {access.data?.userRole === "admin" ? <Add /> : <Needs right="admin" project={project} />}
    </section>
  );
}

function Add() {
  const { project } = useSession();
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { kind, name, role } = Object.fromEntries(new FormData(form)) as Record<string, string>;
    setError(null);
    try {
      await post(`${projectApi(project)}/permissions`, { subjectType: kind, subjectName: name?.trim(), role });
      form.reset();
      confirmDone(`${name} can open it now.`);
      await client.invalidateQueries({ queryKey: ["permissions", project] });
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <form onSubmit={save} className="mt-3 flex flex-wrap gap-2" aria-label="Add somebody">
      <select name="kind" className="field w-auto" aria-label="To a">
        <option value="user">person</option>
        <option value="group">group</option>
      </select>
      <input name="name" required className="field min-w-32 flex-1" aria-label="Name" placeholder="Name" />
      <select name="role" className="field w-auto" aria-label="Role">
        <option value="view">view</option>
        <option value="edit">edit</option>
        <option value="admin">admin</option>
      </select>
      <button type="submit" className="btn">
        Add
      </button>
      {error !== null && (
        <div className="w-full">
          <ProblemView error={error} />
        </div>
      )}
    </form>
  );
}
