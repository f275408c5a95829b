// A session in a list: status, what it is called, what it says, when.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Row } from "../api/types";
import { shownStatus, titleOf } from "../contract/status";
import { StatusChip } from "../ui/status";
import { Ago, money } from "../ui/time";

/** Its repositories as people call them. */
export const reposOf = (row: Row) =>
  (row.spec.repos ?? []).map(
    (one) =>
      one.name ??
      one.url
        .split("/")
        .at(-1)
        ?.replace(/\.git$/, ""),
  );

/** The labels that people gave it. */
const tagsOf = (labels: Row["metadata"]["labels"]) =>
  Object.entries(labels ?? {})
    .filter(([key]) => !key.includes("/"))
    .map(([key, value]) => (value ? `${key}: ${value}` : key));

/** What it is called and labelled, and leads to; children: the line below. */
export function Called({ row, children }: { row: Row; children: ReactNode }) {
  const { name, namespace: project, labels } = row.metadata;
  return (
    <span className="flex min-w-0 flex-1 basis-60 flex-col max-sm:order-2 max-sm:basis-full">
      <span className="flex min-w-0 items-center gap-2">
        <Link
          to="/projects/$project/sessions/$session"
          params={{ project, session: name }}
          data-title
          className="truncate font-medium text-text no-underline hover:underline"
        >
          {row.shown?.title ?? titleOf(row)}
        </Link>
        {tagsOf(labels).map((one) => (
          <span key={one} className="max-w-32 shrink-0 truncate rounded bg-sunken px-1.5 text-xs text-muted">
            {one}
          </span>
        ))}
      </span>
      <span className="truncate text-[0.9286rem] text-muted">{children}</span>
    </span>
  );
}

interface Props {
  row: Row;
  withProject?: boolean;
  actions?: ReactNode;
  children?: ReactNode;
}

export function SessionRow({ row, withProject, actions, children }: Props) {
  const status = shownStatus(row);
  const { name, namespace: project } = row.metadata;
  const cost = row.status?.usage?.costUSD;
  const repos = reposOf(row);
  return (
    <li data-row={name} className="px-3 py-2 hover:bg-hover">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-0.5">
        <span className="w-28 shrink-0">
          <StatusChip status={status} />
        </span>
        <Called row={row}>
          {withProject && `${project} · `}
          {!children && status.sentence}
        </Called>
        {repos.length > 0 && (
          <span className="hidden max-w-40 truncate text-xs text-muted lg:inline">{repos.join(", ")}</span>
        )}
        {cost != null && <span className="text-xs text-muted max-sm:order-1">{money(cost)}</span>}
        {actions && <span className="flex gap-2 max-sm:order-3">{actions}</span>}
        <Ago
          at={row.status?.lastActivityTime ?? row.metadata.creationTimestamp}
          className="w-20 shrink-0 text-right text-xs text-muted max-sm:order-1 max-sm:ml-auto"
        />
      </div>
      {children && <div className="mt-2 mb-1 flex flex-col gap-2 sm:ml-[7.75rem]">{children}</div>}
    </li>
  );
}
