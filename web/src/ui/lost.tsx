// On every page: that what is shown is not of now, and since when.

import { useQueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { theWatch } from "../stream/watch";
import { useNow } from "./time";

const PATIENCE = 5000; // a blink is no news

export function Lost() {
  const watch = theWatch(useQueryClient());
  const connection = useSyncExternalStore(watch.subscribe, () => watch.connection);
  const lost = connection.state === "lost" || connection.state === "restarting";
  const now = useNow(lost);
  if (!lost || now - connection.since < PATIENCE) return null;
  const since = new Date(connection.since).toLocaleTimeString();
  return (
    <div className="flex flex-wrap items-center justify-center gap-3 border-b border-line bg-amber-soft px-3 py-1 text-amber">
      <span>
        {navigator.onLine ? "The server does not answer." : "You are offline."} This is the state of {since}; sessions
        go on without this page.
      </span>
      <button type="button" className="btn btn-small" onClick={watch.now}>
        Try again
      </button>
    </div>
  );
}
