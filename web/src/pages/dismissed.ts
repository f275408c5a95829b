// Failed sessions that a person has seen and put aside, on whichever device.

import { problemOf } from "../api/http";
import { usePreferences } from "../api/preferences";
import type { Row } from "../api/types";
import { announce, confirmDone } from "../ui/announce";
import { wordOf } from "./word";

export interface Dismissed {
  has: (row: Row) => boolean;
  add: (row: Row) => void;
}

/** A session that fails again is another failure. */
const failureOf = (row: Row) =>
  row.status?.completionTime ?? row.status?.lastFailure?.runId ?? row.status?.lastActivityTime ?? "";

export function isDismissed(row: Row, dismissed: Record<string, unknown> | null | undefined): boolean {
  return wordOf(row) === "Failed" && dismissed?.[row.metadata.uid] === failureOf(row);
}

export function useDismissed(): Dismissed {
  const { preferences, change } = usePreferences();
  const keep = (row: Row, when: string | null) =>
    change({ dismissed: { [row.metadata.uid]: when } }).catch((error: unknown) => announce(problemOf(error).message));
  return {
    has: (row) => isDismissed(row, preferences?.dismissed),
    add: (row) => {
      void keep(row, failureOf(row)).then(() => confirmDone("Dismissed.", () => void keep(row, null)));
    },
  };
}
