// What the address of the sessions list can hold, and what the server is asked for by it.

export const FILTERS = [
  "q",
  "status",
  "owner",
  "label",
  "runner",
  "model",
  "repo",
  "after",
  "cost",
  "sort",
  "page",
] as const;

export type SessionsSearch = { [K in (typeof FILTERS)[number]]?: string };

export const PAGE = 50;

const STATUSES: Record<string, Record<string, string>> = {
  "needs-you": { agentStatus: "waiting_input" },
  working: { agentStatus: "working" },
  ready: { agentStatus: "idle" },
  starting: { phase: "Pending,Creating" },
  stopped: { phase: "Stopped,Stopping" },
  done: { phase: "Completed" },
  failed: { phase: "Failed" },
};
export const STATUS_WORDS: Record<string, string> = {
  "needs-you": "Needs you",
  working: "Working",
  ready: "Ready",
  starting: "Waiting or starting",
  stopped: "Stopped",
  done: "Done",
  failed: "Failed",
};
/** Each order by its name in the address; a column's heading turns some of them round. */
export const SORTS: Record<string, string> = {
  attention: "Attention",
  "-lastActivityTime": "Last activity",
  "-createdAt": "Newest",
  displayName: "Name",
  "-cost": "Cost",
};
export const CHIPS = {
  owner: "Owner",
  label: "Label",
  runner: "Agent",
  model: "Model",
  repo: "Repository",
  after: "Made since",
  cost: "Cost from",
} as const;

/** What the server is asked for by the filters of the address. */
export function queryOf(search: SessionsSearch): string {
  const page = Math.max(0, Number(search.page ?? 0) || 0);
  const query = new URLSearchParams({
    limit: String(PAGE),
    offset: String(page * PAGE),
    sort: search.sort ?? "attention",
  });
  const given: Record<string, string | undefined> = {
    search: search.q,
    creator: search.owner,
    labelSelector: search.label,
    runner: search.runner,
    model: search.model,
    repo: search.repo,
    createdAfter: /^\d{4}-\d\d-\d\d$/.test(search.after ?? "") ? `${search.after}T00:00:00Z` : search.after,
    minCost: search.cost,
    ...STATUSES[search.status ?? ""],
  };
  for (const [name, value] of Object.entries(given)) if (value) query.set(name, value);
  return query.toString();
}

/** The filters that a query names, and nothing else. */
export function searchOf(query: string): SessionsSearch {
  const given = new URLSearchParams(query);
  return Object.fromEntries(FILTERS.flatMap((name) => (given.has(name) ? [[name, given.get(name) ?? ""]] : [])));
}

/** A day, as filters by time name it. */
export const dayBefore = (days: number, now = Date.now()) =>
  new Date(now - days * 86_400_000).toISOString().slice(0, 10);
