// Asked before a key forks the session: a fork is a session of its own.

import { useState } from "react";
import { Dialog } from "../ui/dialog";
import { ProblemView } from "../ui/problem";
import { useSession } from "./context";

export function Fork({ onClose }: { onClose: () => void }) {
  const { fork, mayEdit } = useSession();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const act = () => {
    setBusy(true);
    fork()
      .then(onClose, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog open onClose={onClose} title="Fork this session?">
      <p>Another session goes on from here, with this history and these files. This one stays as it is.</p>
      {!mayEdit && <p className="mt-2 text-muted">It needs the role edit in this project.</p>}
      {error !== null && <ProblemView error={error} />}
      <div className="mt-4 flex gap-2">
        <button type="button" className="btn btn-primary" disabled={busy || !mayEdit} onClick={act}>
          Fork
        </button>
        <button type="button" className="btn" onClick={onClose}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}
