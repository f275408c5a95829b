// Which agents and models a project may use, and what each agent lacks to work here.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { get, put } from "../api/http";
import { modelsQuery, runnersQuery } from "../api/queries";
import type { RunnerType } from "../api/types";
import { ActButton } from "../ui/act-button";
import { Needs } from "../ui/needs";
import { Offered } from "../ui/offered";
import { TestKey } from "./key-test";
import { useProjectPage } from "./project-parts";

interface Flag {
  name: string;
  enabled: boolean;
}

/** What is offered is what is on; what is off is known by its flag alone. */
function offOf(flags: Flag[], kind: "runner" | "model"): string[] {
  const name = new RegExp(`^${kind}\\.(.+)\\.enabled$`);
  return flags.flatMap((one) => (one.enabled ? [] : (name.exec(one.name)?.[1] ?? [])));
}

export function Models() {
  const { project, api, isAdmin, mayEdit, act } = useProjectPage("flags");
  const client = useQueryClient();
  const flags = useQuery({
    queryKey: ["flags", project],
    queryFn: () => get<{ features: Flag[] }>(`${api}/feature-flags`),
  });
  const runners = useQuery(runnersQuery(project));
  const models = useQuery(modelsQuery(project));
  const change = async (kind: "runner" | "model", id: string, enabled: boolean) => {
    const flag = encodeURIComponent(`${kind}.${id}.enabled`);
    await act(
      () => put(`${api}/feature-flags/${flag}/override`, { enabled }),
      enabled ? "Switched on." : "Switched off.",
    );
    await client.invalidateQueries({ queryKey: runnersQuery(project).queryKey });
    await client.invalidateQueries({ queryKey: modelsQuery(project).queryKey });
  };
  const button = (kind: "runner" | "model", id: string, on: boolean) => (
    <ActButton disabled={!isAdmin} onAct={() => change(kind, id, !on)}>
      {on ? "Switch off" : "Switch on"}
    </ActButton>
  );
  const features = flags.data?.features ?? [];
  return (
    <div className="flex flex-col gap-8">
      <section aria-label="Agents">
        <h2>Agents</h2>
        <p className="mb-2 text-muted">
          A session is worked on by one of these. <Link to="/welcome">Add a key for one</Link>
        </p>
        <Offered query={runners} what="Agents">
          {(found) => (
            <ul className="panel divide-y divide-line">
              {found.map((one) => (
                <Entry
                  key={one.id}
                  name={one.displayName}
                  off={false}
                  action={
                    <>
                      {mayEdit && (one.auth?.requiredSecretKeys ?? []).length > 0 && (
                        <TestKey project={project} runner={one} />
                      )}
                      {button("runner", one.id, true)}
                    </>
                  }
                >
                  <Ready runner={one} project={project} />
                </Entry>
              ))}
              {offOf(features, "runner").map((id) => (
                <Entry key={id} name={id} off action={button("runner", id, false)} />
              ))}
            </ul>
          )}
        </Offered>
      </section>
      <section aria-label="Models">
        <h2 className="mb-2">Models</h2>
        <Offered query={models} what="Models">
          {(found) => (
            <ul className="panel divide-y divide-line">
              {found.models.map((one) => (
                <Entry key={one.id} name={one.label} off={false} action={button("model", one.id, true)}>
                  <span className="text-muted">
                    {one.id}
                    {one.id === found.defaultModel && ", the default"}
                  </span>
                </Entry>
              ))}
              {offOf(features, "model").map((id) => (
                <Entry key={id} name={id} off action={button("model", id, false)} />
              ))}
            </ul>
          )}
        </Offered>
      </section>
      {!isAdmin && <Needs right="admin" project={project} />}
    </div>
  );
}

function Entry({
  name,
  off,
  action,
  children,
}: {
  name: string;
  off: boolean;
  action: ReactNode;
  children?: ReactNode;
}) {
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2">
      <span className="min-w-0 flex-1 basis-60">
        <strong>{name}</strong> {off ? <span className="text-muted">switched off in this project</span> : children}
      </span>
      {action}
    </li>
  );
}

/** As the server tells it; where a key is missing, where it goes. */
function Ready({ runner, project }: { runner: RunnerType; project: string }) {
  if (runner.usable) return <span className="text-green">✓ ready</span>;
  return (
    <span className="text-amber">
      {runner.problem} {runner.hint}{" "}
      {(runner.auth?.requiredSecretKeys ?? []).length > 0 && (
        <Link to="/projects/$project/settings/$tab" params={{ project, tab: "secrets" }}>
          Keys of this project
        </Link>
      )}
    </span>
  );
}
