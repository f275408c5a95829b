// Who looks at the demo agent is told so, and how to get a real one, until they put it aside.

import { Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { usePreferences } from "../api/preferences";

export function DemoBar() {
  const { preferences, change } = usePreferences();
  if (!preferences || preferences.demoBar === false) return null;
  return (
    <p className="mt-1 flex items-center gap-1 text-xs text-muted">
      <span>
        This is the demo agent. <Link to="/welcome">Add a real one</Link>
      </span>
      <button
        type="button"
        className="btn btn-quiet btn-icon btn-small"
        aria-label="Put this aside"
        title="Put this aside; Settings, Models has it, too"
        onClick={() => void change({ demoBar: false }).catch(() => {})}
      >
        <X size={13} aria-hidden />
      </button>
    </p>
  );
}
