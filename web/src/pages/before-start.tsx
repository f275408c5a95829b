// What a start costs in waiting, and what this day cost the project already.

import { useQuery } from "@tanstack/react-query";
import { get } from "../api/http";
import { projectApi } from "../api/paths";
import type { Outlook } from "../api/types";
import { money } from "../ui/time";

/** isUsual: the agent is the one that warm places wait for. */
export function BeforeStart({ project, isUsual }: { project: string; isUsual: boolean }) {
  const outlook = useQuery({
    queryKey: ["outlook", project],
    queryFn: () => get<Outlook>(`${projectApi(project)}/outlook?since=${encodeURIComponent(midnight())}`),
    retry: false,
  });
  if (!outlook.data) return null;
  const { warmPlaces, costUSD } = outlook.data;
  return (
    <p className="text-muted">
      <span className="font-medium text-text">Start</span> {soon(isUsual ? (warmPlaces ?? 0) : 0)} · today{" "}
      {costUSD == null ? "–" : money(costUSD)}
    </p>
  );
}

const soon = (places: number) =>
  places ? `at once, ${places} warm ${places === 1 ? "place" : "places"}` : "in a few seconds";

/** When this day began, where the person is. */
function midnight(): string {
  const now = new Date();
  now.setHours(0, 0, 0, 0);
  return now.toISOString();
}
