// Under whose accounts a session's runs work, and which are missing for its repositories.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { get } from "../api/http";
import { meQuery } from "../api/queries";
import { useSession } from "./context";

interface State {
  connected?: boolean;
  installed?: boolean;
  pat?: { configured?: boolean };
}
const NAMES: Record<string, string> = {
  github: "GitHub",
  gitlab: "GitLab",
  jira: "Jira",
  google: "Google",
  gerrit: "Gerrit",
  coderabbit: "CodeRabbit",
};

/** The services that the addresses of repositories belong to. */
export const servicesOf = (urls: string[]): string[] =>
  ["github", "gitlab"].filter((one) =>
    urls.some((url) => new RegExp(`^(https://|git@)([^/@]*\\.)?${one}\\.`).test(url)),
  );

export function RunsAs() {
  const { session } = useSession();
  const me = useQuery(meQuery);
  const status = useQuery({
    queryKey: ["integrations"],
    queryFn: () => get<Record<string, State>>("/api/auth/integrations/status"),
    staleTime: 60_000,
  });
  const owner = session.spec.userContext;
  if (!status.data || !me.data) return null;
  if (owner?.userId && owner.userId !== me.data.userId) {
    return <span>Runs as: the accounts of {owner.displayName || owner.userId}</span>;
  }
  const known = Object.keys(NAMES).filter((one) => {
    const state = status.data[one];
    return state?.connected || state?.installed || state?.pat?.configured;
  });
  const missing = servicesOf((session.spec.repos ?? []).map((one) => one.url)).filter((one) => !known.includes(one));
  const said = known.map((one) => NAMES[one]).join(", ");
  return (
    <span>
      Runs as: {said ? `your ${said}` : "none of your accounts"}
      {missing.length > 0 && (
        <span className="text-amber">, {missing.map((one) => NAMES[one]).join(", ")} is missing</span>
      )}{" "}
      {(missing.length > 0 || !said) && <Link to="/integrations">Connect</Link>}
    </span>
  );
}
