// What project pages share: who may do what, and doing it.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { projectApi } from "../api/paths";
import { accessQuery } from "../api/queries";
import { confirmDone } from "../ui/announce";
import { useKeys } from "../ui/keys";

export interface List<T> {
  items: T[];
}

export function useProjectPage(key: string) {
  const { project = "" } = useParams({ strict: false });
  const client = useQueryClient();
  const access = useQuery(accessQuery(project));
  const role = access.data?.userRole ?? "admin";
  return {
    project,
    api: projectApi(project),
    isAdmin: role === "admin",
    mayEdit: role !== "view",
    /** Do something, confirm it, and read the page's list again. Throws Problem. */
    act: async (doing: () => Promise<unknown>, said: string) => {
      await doing();
      confirmDone(said);
      await client.invalidateQueries({ queryKey: [key, project] });
    },
  };
}

const GIVEN = ["HOME", "PATH", "PWD", "USER", "LANG", "TMPDIR"]; // every session has them

/** Names written as ${NAME} in the settings of an MCP server that nothing known has. */
export function unknownSecrets(server: unknown, known: string[]): string[] {
  const named = [...JSON.stringify(server ?? null).matchAll(/\$\{(\w+)\}/g)].map((one) => one[1] ?? "");
  return [...new Set(named)].filter((one) => !known.includes(one) && !GIVEN.includes(one));
}

/** `n` leads to the form in which something new is made. */
export function useFormKey(): void {
  useKeys({ n: () => document.querySelector<HTMLElement>("main form :is(input, select, textarea):enabled")?.focus() });
}

/** Ctrl+S saves the form that somebody is in, else the first one that can be saved. */
export function useSaveKey(): void {
  useKeys({
    "Mod+s": (event) => {
      event.preventDefault();
      const form = document.activeElement?.closest("main form") ?? document.querySelector("main form");
      form?.querySelector<HTMLButtonElement>("button[type=submit]:enabled")?.click();
    },
  });
}
