// Deleting a session, from its own page.

import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { remove } from "../api/http";
import { titleOf } from "../contract/status";
import { Dialog } from "../ui/dialog";
import { ProblemView } from "../ui/problem";
import { useSession } from "./context";
import { Lost, LostWork } from "./lost";

export function Delete({ onClose }: { onClose: () => void }) {
  const { project, api, session } = useSession();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  const act = async () => {
    try {
      await remove(api);
      await client.invalidateQueries({ queryKey: ["sessions", project] });
      await navigate({ to: "/projects/$project/sessions", params: { project } });
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <Dialog open onClose={onClose} title="Delete the session?">
      <p>
        <strong>{titleOf(session)}</strong>: <Lost of={session} /> are lost. This cannot be undone.
      </p>
      <div className="mt-2">
        <LostWork of={session} />
      </div>
      {error !== null && <ProblemView error={error} />}
      <div className="mt-4 flex gap-2">
        <button type="button" className="btn btn-danger" onClick={act}>
          Delete
        </button>
        <button type="button" className="btn" onClick={onClose}>
          Keep it
        </button>
      </div>
    </Dialog>
  );
}
