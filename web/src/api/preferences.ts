// What a person has chosen or put aside: kept on the server, the same on every device.

import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { get, patch } from "./http";
import type { Preferences } from "./types";

const preferencesQuery = queryOptions({
  queryKey: ["preferences"],
  queryFn: () => get<Preferences>("/api/me/preferences"),
  staleTime: 60_000,
});

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** As the server does it. */
function merged(old: Preferences, fields: Record<string, unknown>): Preferences {
  const found: Preferences = { ...old };
  for (const [name, value] of Object.entries(fields)) {
    const before = found[name];
    found[name] = isMapping(value) && isMapping(before) ? { ...before, ...value } : value;
  }
  return found;
}

/** change: mappings are merged, null deletes. It counts here at once, and is put back when the server refuses. */
export function usePreferences() {
  const client = useQueryClient();
  const { data } = useQuery(preferencesQuery);
  const change = useCallback(
    async (fields: Record<string, unknown>) => {
      void client.cancelQueries({ queryKey: preferencesQuery.queryKey }); // what is being read is older than this
      client.setQueryData(preferencesQuery.queryKey, (old) => old && merged(old, fields));
      try {
        client.setQueryData(preferencesQuery.queryKey, await patch<Preferences>("/api/me/preferences", fields));
      } finally {
        void client.invalidateQueries({ queryKey: preferencesQuery.queryKey });
      }
    },
    [client],
  );
  return { preferences: data, change };
}

/** Whether ⏎ sends what is written, as it does unless a person chose a new line for it; then Ctrl+⏎ sends. */
export function useEnterSends(): boolean {
  return usePreferences().preferences?.enterSends ?? true;
}
