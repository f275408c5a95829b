// Whether a provider takes a key, asked in a moment and without spending anything.

import { useState } from "react";
import { post } from "../api/http";
import { projectApi } from "../api/paths";
import type { Check, RunnerType } from "../api/types";
import { ActButton } from "../ui/act-button";

/** keys: instead of those that the project has. Throws Problem. */
export const testKey = (project: string, runner: string, keys: Record<string, string> = {}) =>
  post<Check>(`${projectApi(project)}/models/test`, { runnerType: runner, keys });

/** What came of it, in its own words. */
export function CheckResult({ found }: { found: Check }) {
  const tone = found.ok ? "text-green" : found.ok === false ? "text-red" : "text-muted";
  return (
    <div role={found.ok === false ? "alert" : "status"} className={tone}>
      {found.steps.map((one) => (
        <p key={one.name}>
          {found.ok ? "✓" : one.ok ? "–" : "✕"} {one.message}
        </p>
      ))}
      {found.hint && <p>{found.hint}</p>}
    </div>
  );
}

/** Tests the key that the project has. */
export function TestKey({ project, runner }: { project: string; runner: RunnerType }) {
  const [found, setFound] = useState<Check | null>(null);
  return (
    <>
      <ActButton onAct={async () => setFound(await testKey(project, runner.id))}>Test the key</ActButton>
      {found && <CheckResult found={found} />}
    </>
  );
}
