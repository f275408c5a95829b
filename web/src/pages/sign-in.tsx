// How to get in; what was typed stays in the browser's drafts.

import { useEffect } from "react";
import { announce } from "../ui/announce";
import { Dialog } from "../ui/dialog";
import { useTitle } from "../ui/page";
import { ProblemView } from "../ui/problem";

/** Beside a page that was open when its login ended: it stays as it is, and what somebody types goes where they type it. */
export function SignInAgain() {
  useEffect(() => announce("Your login ended. This page stays as it is."), []);
  return (
    <Dialog open aside title="Your login ended">
      <div className="flex flex-col gap-3">
        <HowTo />
        <p className="text-muted">This page stays as it is, and goes on as soon as you are signed in.</p>
      </div>
    </Dialog>
  );
}

function HowTo() {
  return (
    <>
      <p>
        Run this on the machine where Ambient runs, or, for a platform on a cluster, where you ran{" "}
        <code>ambient login</code>. It opens this page, signed in:
      </p>
      <pre tabIndex={0} className="panel px-3 py-2 font-mono">
        ambient open
      </pre>
    </>
  );
}

export function SignIn({ error }: { error?: unknown }) {
  useTitle("Sign in");
  return (
    <main id="main" tabIndex={-1} className="mx-auto flex max-w-xl flex-col gap-3 px-4 py-[12vh]">
      <h1>Sign in</h1>
      {error != null && <ProblemView error={error} />}
      <HowTo />
      <p className="text-muted">
        The link works once. A tab that is signed in already signs in the others: reload this one. What you typed is
        kept in this browser.
      </p>
    </main>
  );
}
