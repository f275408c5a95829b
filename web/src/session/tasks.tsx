// Background tasks of the agent, as the log tells them.

import { useMemo, useState } from "react";
import { post } from "../api/http";
import type { Task } from "../fold/conversation";
import type { SessionFeed } from "../stream/feed";
import { ProblemView } from "../ui/problem";
import { Ago } from "../ui/time";
import { useSession } from "./context";
import { JsonTree } from "./json-tree";

export function Tasks({ feed, version }: { feed: SessionFeed; version: number }) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the tasks change in place; `version` says when
  const tasks = useMemo(() => [...feed.conversation.tasks], [feed, version]);
  if (!tasks.length) return <p className="text-muted">No background tasks in this session.</p>;
  return (
    <ul className="flex flex-col gap-2">
      {tasks.map(([id, task]) => (
        <TaskRow key={id} id={id} task={task} />
      ))}
    </ul>
  );
}

function TaskRow({ id, task }: { id: string; task: Task }) {
  const { api, mayEdit, over } = useSession();
  const [error, setError] = useState<unknown>(null);
  const ended = task.name === "task:completed";
  const stop = async () => {
    try {
      await post(`${api}/agui/tasks/${encodeURIComponent(id)}/stop`);
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <li className="panel px-3 py-2">
      <p className="flex flex-wrap items-center gap-2">
        <strong className="min-w-0 flex-1 truncate">{String(task.value.description ?? id)}</strong>
        <span className={ended ? "text-muted" : "text-blue"}>
          {String(task.value.status ?? (ended ? "ended" : "running"))}
        </span>
        <Ago at={task.timestamp} className="text-xs text-muted" />
        {!ended && !over && (
          <button type="button" className="btn btn-small" disabled={!mayEdit} onClick={stop}>
            Stop
          </button>
        )}
      </p>
      {task.value.last_tool_name !== undefined && (
        <p className="text-xs text-muted">Last tool: {String(task.value.last_tool_name)}</p>
      )}
      {task.value.summary !== undefined && <p>{String(task.value.summary)}</p>}
      <JsonTree name="All that is known" value={task.value} depth={1} />
      {error !== null && <ProblemView error={error} />}
    </li>
  );
}
