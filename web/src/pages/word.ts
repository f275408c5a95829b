// Where a session belongs among those that need somebody: used by Attention, and by the count beside its name.

import type { Row } from "../api/types";
import { shownStatus, type Word } from "../contract/status";

/** Where a row belongs: a stopped session that asks something needs somebody, one whose last run failed has failed. */
export function wordOf(row: Row): Word {
  const { word, questions, reason } = shownStatus(row);
  if (reason === "RunFailed") return "Failed";
  return word === "Stopped" && questions.length ? "Needs you" : word;
}
