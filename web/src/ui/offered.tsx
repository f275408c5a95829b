// What a page asks the server for: shown when it is there, explained when it is not offered, told when it failed.

import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Problem } from "../api/http";
import { NotHere, ProblemView } from "./problem";
import { Stale, Waiting } from "./waiting";

interface Props<T> {
  query: UseQueryResult<T>;
  what: string;
  instead?: ReactNode;
  children: (data: T) => ReactNode;
}

export function Offered<T>({ query, what, instead, children }: Props<T>) {
  const { data, error, dataUpdatedAt } = query;
  if (error instanceof Problem && error.noRoute) return <NotHere what={what} instead={instead} />;
  return (
    <>
      {error && (
        <ProblemView
          error={error}
          action={
            <button type="button" className="btn btn-small" onClick={() => void query.refetch()}>
              Try again
            </button>
          }
        />
      )}
      {error && data !== undefined && <Stale at={dataUpdatedAt} />}
      {data === undefined ? !error && <Waiting>{`Reading: ${what.toLowerCase()}…`}</Waiting> : children(data)}
    </>
  );
}
