// Saved views of the sessions list, below its place in the rail.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { viewsQuery } from "../api/queries";
import { searchOf } from "./sessions-search";

const MOST = 6;

export function RailViews({ project }: { project: string }) {
  const saved = useQuery(viewsQuery(project));
  const items = saved.data?.items.slice(0, MOST) ?? [];
  if (!items.length) return null;
  return (
    <ul aria-label="Saved views">
      {items.map((one) => (
        <li key={`${one.shared}${one.name}`}>
          <Link
            to="/projects/$project/sessions"
            params={{ project }}
            search={searchOf(one.query)}
            activeOptions={{ exact: true, includeSearch: true }}
            className="flex min-h-7 items-center truncate rounded-md pr-2 pl-8 text-muted no-underline hover:bg-hover aria-[current=page]:font-semibold [@media(pointer:coarse)]:min-h-11"
          >
            <span className="truncate">{one.name}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
