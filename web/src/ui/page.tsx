// What every page has: a title, and words for when it cannot be shown.

import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import { ProblemView } from "./problem";
import { WatchState } from "./watching";

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Ambient`;
  }, [title]);
}

/** A page of text and forms: a heading, what stands beside it, and the rest. */
export function Page({
  title,
  actions,
  children,
  lead,
  narrow,
  live,
  heading,
}: {
  title: string;
  /** The heading, where it differs from the title. */
  heading?: string;
  actions?: ReactNode;
  lead?: ReactNode;
  children: ReactNode;
  narrow?: boolean;
  /** What it shows changes by itself: the state of the connection belongs to it. */
  live?: boolean;
}) {
  useTitle(title);
  return (
    <div className={`mx-auto px-4 py-4 sm:px-6 ${narrow ? "max-w-3xl" : "max-w-6xl"}`}>
      <div className="mb-3 flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h1>{heading ?? title}</h1>
        <div className="flex flex-wrap items-center gap-3">
          {live && <WatchState />}
          {actions}
        </div>
      </div>
      {lead && <p className="mb-4 max-w-[70ch] text-muted">{lead}</p>}
      {children}
    </div>
  );
}

export function PageProblem({ error, project }: { error: unknown; project?: string }) {
  return (
    <Page title="This cannot be shown" narrow>
      <ProblemView error={error} />
      <p className="mt-4">
        {project ? (
          <Link to="/projects/$project/sessions" params={{ project }}>
            To the sessions
          </Link>
        ) : (
          <Link to="/">To the start</Link>
        )}
      </p>
    </Page>
  );
}
