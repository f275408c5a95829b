// The demo: a session that really does something, without a key, for who sees this for the first time.

import { Link, useNavigate } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { useState } from "react";
import { post } from "../api/http";
import { sessionsApi } from "../api/paths";
import type { Created } from "../api/types";
import { ProblemView } from "../ui/problem";

export const DEMO = `say Hello! I am the demo agent. I need no key, and I really do what you see here.
think First I look around, then I write a small program with a mistake in it, and mend it.
todo look around; write greet.sh; try it; ask how to greet; say it
run pwd; ls -la
write greet.sh: #!/bin/sh\\nehco "Hello from Ambient"
run sh greet.sh
say That failed: there is a typing mistake. I mend it.
write greet.sh: #!/bin/sh\\necho "Hello from Ambient"
run sh greet.sh
write artifacts/greeting.md: # A greeting\\n\\nMade by the **demo agent**.
ask How shall I say goodbye? | Briefly | With a bow | Not at all
say Thank you, that is all. Write me a line like: run date`;

/** Starts the demo session, and says so on the button. */
export function StartDemo({ project }: { project: string }) {
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const start = async () => {
    setBusy(true);
    setError(null);
    try {
      const body = { displayName: "Demo", runnerType: "demo", initialPrompt: DEMO };
      const made = await post<Created>(sessionsApi(project), body);
      await navigate({ to: "/projects/$project/sessions/$session", params: { project, session: made.name } });
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <div className="flex flex-col items-start gap-2">
      <button type="button" className="btn btn-primary" disabled={busy} onClick={start}>
        <Play size={14} aria-hidden /> {busy ? "Starting…" : "Start the demo session"}
      </button>
      {error !== null && <ProblemView error={error} />}
    </div>
  );
}

/** What a project without sessions says. */
export function Welcome({ project }: { project: string }) {
  return (
    <section aria-label="Welcome" className="panel flex max-w-2xl flex-col gap-3 px-5 py-5">
      <h2 className="text-[1.07rem]">Nothing has run here yet</h2>
      <p>
        A session is an agent with a place of its own: you say what should be done, watch it work, answer its questions,
        and can stop and resume it whenever you like.
      </p>
      <p className="text-muted">
        The demo takes half a minute, needs no key and no account, and asks you one question.
      </p>
      <div className="flex flex-wrap items-start gap-3">
        <StartDemo project={project} />
        <Link to="/welcome" className="btn">
          Add a real agent
        </Link>
      </div>
    </section>
  );
}
