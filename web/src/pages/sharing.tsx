// Who may do what in a project.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { get, post, remove } from "../api/http";
import { ActButton } from "../ui/act-button";
import { ActForm, SelectField, TextField } from "../ui/form";
import { Needs } from "../ui/needs";
import { Offered } from "../ui/offered";
import { Page } from "../ui/page";
import { ProblemView } from "../ui/problem";
import { type List, useFormKey, useProjectPage } from "./project-parts";

interface Grant {
  subjectType: "user" | "group";
  subjectName: string;
  role: string;
}
const ROLES: [string, string][] = [
  ["view", "view: read sessions, files, settings"],
  ["edit", "edit: also start, write, answer, stop, schedules"],
  ["admin", "admin: also settings, secrets, members, keys, delete"],
];

/** The role of somebody, changed in place; what the server refuses stands beside it. */
function RoleOf({ grant, onChange }: { grant: Grant; onChange: (role: string) => Promise<unknown> }) {
  const [error, setError] = useState<unknown>(null);
  return (
    <>
      <select
        className="field w-auto"
        aria-label={`Role of ${grant.subjectName}`}
        value={grant.role}
        onChange={({ target }) => {
          setError(null);
          onChange(target.value).catch(setError);
        }}
      >
        {ROLES.map(([role]) => (
          <option key={role} value={role}>
            {role}
          </option>
        ))}
      </select>
      {error !== null && <ProblemView error={error} />}
    </>
  );
}

export function SharingRoute() {
  const { project, api, isAdmin, act } = useProjectPage("permissions");
  const list = useQuery({ queryKey: ["permissions", project], queryFn: () => get<List<Grant>>(`${api}/permissions`) });
  useFormKey();
  const [type, setType] = useState("user");
  const [name, setName] = useState("");
  const [role, setRole] = useState("view");
  return (
    <Page title="Sharing" lead="People and groups that may see this project or work in it." narrow>
      <Offered query={list} what="Sharing a project">
        {({ items }) => (
          <>
            {!items.length && <p className="mb-4 text-muted">Only you.</p>}
            <ul aria-label="Members" className="panel mb-6 divide-y divide-line empty:hidden">
              {items.map((one) => (
                <li
                  key={`${one.subjectType}/${one.subjectName}`}
                  className="flex flex-wrap items-center gap-3 px-3 py-2"
                >
                  <span className="min-w-0 flex-1">
                    <strong>{one.subjectName}</strong> <span className="text-muted">{one.subjectType}</span>
                  </span>
                  {isAdmin ? (
                    <RoleOf
                      grant={one}
                      onChange={(role) =>
                        act(() => post(`${api}/permissions`, { ...one, role }), "The role is changed.")
                      }
                    />
                  ) : (
                    <span>{one.role}</span>
                  )}
                  {isAdmin && (
                    <ActButton
                      danger
                      onAct={() =>
                        act(
                          () => remove(`${api}/permissions/${one.subjectType}/${encodeURIComponent(one.subjectName)}`),
                          "Revoked.",
                        )
                      }
                    >
                      Revoke
                    </ActButton>
                  )}
                </li>
              ))}
            </ul>
            <h2 className="mb-2">Grant</h2>
            <ActForm
              submit="Grant"
              disabled={isAdmin ? undefined : <Needs right="admin" project={project} />}
              onSubmit={() =>
                act(() => post(`${api}/permissions`, { subjectType: type, subjectName: name.trim(), role }), "Granted.")
              }
            >
              <SelectField
                label="To a"
                value={type}
                onChange={setType}
                options={[
                  ["user", "person"],
                  ["group", "group"],
                ]}
              />
              <TextField label="Name" required value={name} onChange={setName} />
              <SelectField label="Role" value={role} onChange={setRole} options={ROLES} />
            </ActForm>
          </>
        )}
      </Offered>
    </Page>
  );
}
