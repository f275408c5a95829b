// The watch for components: its state in words, on every page of lists.

import { useQueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { theWatch } from "../stream/watch";
import { ConnectionState } from "./connection";

export function WatchState() {
  const watch = theWatch(useQueryClient());
  const connection = useSyncExternalStore(watch.subscribe, () => watch.connection);
  return <ConnectionState connection={connection} onNow={watch.now} />;
}
