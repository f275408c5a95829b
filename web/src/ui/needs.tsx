// A right that is missing: which one, who can give it, and words to ask them with.

import { useQuery } from "@tanstack/react-query";
import { get } from "../api/http";
import { projectApi } from "../api/paths";
import { meQuery } from "../api/queries";
import { copy } from "../session/copy";

interface Member {
  subjectType: string;
  subjectName: string;
  role: string;
}

/** Who can give roles, as far as the person may know it. */
function useAdmins(project: string): string[] {
  const members = useQuery({
    queryKey: ["permissions", project],
    queryFn: () => get<{ items: Member[] }>(`${projectApi(project)}/permissions`),
    staleTime: 60_000,
    retry: false,
  });
  return (members.data?.items ?? [])
    .filter((one) => one.role === "admin")
    .map((one) => (one.subjectType === "group" ? `the group ${one.subjectName}` : one.subjectName));
}

/** Stands beside a control that is disabled for want of a role. */
export function Needs({ right, project }: { right: "edit" | "admin"; project: string }) {
  const admins = useAdmins(project);
  const me = useQuery(meQuery);
  const who = me.data?.displayName || me.data?.userId || "";
  const request = `Please give me the role ${right} in the project ${project}${who && `; I am ${who}`}. ${location.href}`;
  return (
    <span role="note" className="inline-flex flex-wrap items-center gap-x-2 gap-y-1 text-muted">
      <span>
        Needs {right}.{" "}
        {admins.length ? `Admins of ${project}: ${admins.join(", ")}.` : `Only admins of ${project} can give it.`}
      </span>
      <button type="button" className="btn btn-small" onClick={() => copy(request, "The request is copied.")}>
        Copy request
      </button>
    </span>
  );
}
