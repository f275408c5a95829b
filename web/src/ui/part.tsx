// A part of the page, or a whole page, whose code comes when it is first shown. One that did not come comes later.

import { useQueryClient } from "@tanstack/react-query";
import { type ComponentType, type FC, lazy, useEffect, useSyncExternalStore } from "react";
import { Problem } from "../api/http";
import { theWatch } from "../stream/watch";
import { Page } from "./page";
import { ProblemView } from "./problem";

/** Shown instead of a part that did not come. */
type Missing = FC<{ again: () => void }>;

/** A part of the page that the rest can do without for a while. */
const Nothing: Missing = () => null;

/**
 * A component by its code. Where that cannot be had (no network, another build) the rest of the page goes on,
 * and it is asked for again when the server is back, or somebody says `again`.
 */
export function part<P extends object>(load: () => Promise<ComponentType<P>>, Instead: Missing = Nothing) {
  const listeners = new Set<() => void>();
  const asked = (): ComponentType<P> => lazy(async () => ({ default: await load().catch(() => Absent) }));
  const subscribe = (listener: () => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  const again = () => {
    shown = asked();
    for (const one of listeners) one();
  };
  function Absent() {
    useServerIsBack(again);
    return <Instead again={again} />;
  }
  let shown = asked();
  function Part(props: P) {
    const Shown = useSyncExternalStore(subscribe, () => shown);
    return <Shown {...props} />;
  }
  /** Have it at hand before it is shown; one that is shown stays as it is. */
  const preload = async () => {
    const found = await load().catch(() => null);
    if (found && listeners.size === 0) shown = found;
  };
  return Object.assign(Part, { preload });
}

/** Calls once the stream of all lists, broken now or later, is whole again. */
function useServerIsBack(back: () => void): void {
  const watch = theWatch(useQueryClient());
  useEffect(() => {
    let broken = watch.connection.state !== "live";
    return watch.subscribe(() => {
      const live = watch.connection.state === "live";
      if (broken && live) back();
      broken = !live;
    });
  }, [watch, back]);
}

const cause = () =>
  new Problem(0, {
    error: "The code of this part of the page could not be loaded.",
    hint: "It is tried again when the server answers. What you typed is kept.",
  });

/** Stands where a person waits for something. */
export const NotLoaded: Missing = ({ again }) => (
  <ProblemView
    error={cause()}
    action={
      <button type="button" className="btn btn-small" onClick={again}>
        Try again
      </button>
    }
  />
);

export const PageNotLoaded: Missing = ({ again }) => (
  <Page title="This page is not loaded" narrow>
    <NotLoaded again={again} />
  </Page>
);
