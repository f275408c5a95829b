// Sessions that start by the clock.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { get, post, remove } from "../api/http";
import { ActButton } from "../ui/act-button";
import { ActForm, SelectField, TextField } from "../ui/form";
import { Needs } from "../ui/needs";
import { Offered } from "../ui/offered";
import { Page } from "../ui/page";
import { Ago } from "../ui/time";
import { type List, useFormKey, useProjectPage } from "./project-parts";

interface Schedule {
  name: string;
  displayName?: string;
  schedule: string;
  timezone: string;
  suspend: boolean;
  lastScheduleTime?: string;
  nextScheduleTime?: string;
  activeCount: number;
}
const PRESETS: [string, string][] = [
  ["0 * * * *", "every hour"],
  ["0 9 * * *", "every day at 9:00"],
  ["0 9 * * 1-5", "on workdays at 9:00"],
  ["0 9 * * 1", "on Mondays at 9:00"],
  ["0 9 1 * *", "on the first of the month at 9:00"],
];

/** When, in words where we know them. */
export const whenWords = (cron: string) => PRESETS.find(([one]) => one === cron)?.[1] ?? cron;

export function SchedulesRoute() {
  const { project, api, mayEdit, act } = useProjectPage("schedules");
  const base = `${api}/scheduled-sessions`;
  const list = useQuery({ queryKey: ["schedules", project], queryFn: () => get<List<Schedule>>(base) });
  useFormKey();
  return (
    <Page
      title="Schedules"
      lead="A schedule starts a session with the same prompt again and again: every night, every Monday."
    >
      <Offered query={list} what="Schedules" instead="A session can be started from any cron job: ambient run “…”.">
        {({ items }) => (
          <>
            {!items.length && <p className="mb-4 text-muted">No schedules yet.</p>}
            <ul aria-label="Schedules" className="panel mb-6 divide-y divide-line empty:hidden">
              {items.map((one) => {
                const api = `${base}/${encodeURIComponent(one.name)}`;
                return (
                  <li key={one.name} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2">
                    <span className="min-w-0 flex-1">
                      <strong>{one.displayName || one.name}</strong>{" "}
                      <span className="text-muted">
                        {whenWords(one.schedule)} ({one.timezone})
                      </span>
                    </span>
                    <span className="text-xs text-muted">
                      {one.suspend
                        ? "suspended"
                        : one.nextScheduleTime && `next ${new Date(one.nextScheduleTime).toLocaleString()}`}
                    </span>
                    {one.lastScheduleTime && (
                      <span className="text-xs text-muted">
                        last <Ago at={one.lastScheduleTime} />
                      </span>
                    )}
                    {mayEdit && (
                      <>
                        <ActButton onAct={() => act(() => post(`${api}/trigger`), "A session starts.")}>
                          Trigger now
                        </ActButton>
                        <ActButton
                          onAct={() =>
                            act(
                              () => post(`${api}/${one.suspend ? "resume" : "suspend"}`),
                              one.suspend ? "It goes on." : "Suspended.",
                            )
                          }
                        >
                          {one.suspend ? "Resume" : "Suspend"}
                        </ActButton>
                        <ActButton danger onAct={() => act(() => remove(api), "Deleted.")}>
                          Delete
                        </ActButton>
                      </>
                    )}
                  </li>
                );
              })}
            </ul>
            {mayEdit ? (
              <NewSchedule onMake={(body) => act(() => post(base, body), "The schedule is made.")} />
            ) : (
              <Needs right="edit" project={project} />
            )}
          </>
        )}
      </Offered>
    </Page>
  );
}

function NewSchedule({ onMake }: { onMake: (body: unknown) => Promise<unknown> }) {
  const [name, setName] = useState("");
  const [prompt, setPrompt] = useState("");
  const [preset, setPreset] = useState("0 9 * * 1-5");
  const [cron, setCron] = useState("");
  const [zone, setZone] = useState(Intl.DateTimeFormat().resolvedOptions().timeZone);
  const zones = Intl.supportedValuesOf("timeZone");
  const make = () =>
    onMake({
      displayName: name.trim(),
      schedule: preset || cron.trim(),
      timezone: zone,
      sessionTemplate: { initialPrompt: prompt, displayName: name.trim(), stopOnRunFinished: true },
    });
  return (
    <>
      <h2 className="mb-2">New schedule</h2>
      <ActForm submit="Create" onSubmit={make}>
        <TextField label="Name" required value={name} onChange={setName} />
        <TextField label="What should the agent do?" required rows={4} value={prompt} onChange={setPrompt} />
        <SelectField
          label="When"
          value={preset}
          onChange={setPreset}
          options={[...PRESETS, ["", "by a cron expression"]]}
        />
        {preset === "" && (
          <TextField
            label="Cron expression"
            required
            value={cron}
            onChange={setCron}
            hint="Five fields: minute, hour, day, month, weekday."
          />
        )}
        <SelectField
          label="Time zone"
          value={zone}
          onChange={setZone}
          options={(zones.includes(zone) ? zones : [zone, ...zones]).map((one) => [one, one])}
        />
      </ActForm>
    </>
  );
}
