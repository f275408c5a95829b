// The state of a connection, always in words.

import type { Connection } from "../stream/follow";
import { useNow } from "./time";

export function ConnectionState({
  connection,
  catchingUp = 0,
  onNow,
}: {
  connection: Connection;
  catchingUp?: number;
  onNow: () => void;
}) {
  const waits = connection.state === "lost" || connection.state === "restarting";
  const now = useNow(waits);
  const tone = connection.state === "live" ? "text-green" : waits ? "text-amber" : "text-muted";
  return (
    <span className="inline-flex items-center gap-2 text-xs whitespace-nowrap">
      <span role="status" aria-label="Connection" className={tone}>
        {catchingUp > 200 ? `Catching up, ${catchingUp} events` : words(connection, now)}
      </span>
      {(waits || connection.state === "paused") && (
        <button type="button" className="btn btn-small" onClick={onNow}>
          Now
        </button>
      )}
    </span>
  );
}

function words(connection: Connection, now: number): string {
  switch (connection.state) {
    case "live":
      return "● Live";
    case "connecting":
      return "Connecting…";
    case "paused":
      return "Paused, goes on when you come back";
    case "restarting":
      return "The server restarts. Sessions go on.";
    case "refused":
      return `Not connected: ${connection.problem.message}`;
    case "lost": {
      const gone = Math.max(0, Math.round((now - connection.since) / 1000));
      const left = Math.max(0, Math.ceil((connection.next - now) / 1000));
      const offline = navigator.onLine ? "" : " You are offline.";
      return `Connection lost ${gone} s ago, next try in ${left} s.${offline}`;
    }
  }
}
