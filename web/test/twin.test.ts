import { expect, test } from "vitest";
import { conversation, converse, finishedMessages } from "../src/fold/conversation";
import type { LogEvent } from "../src/fold/events";
import { fold, timeline } from "../src/fold/timeline";
import recorded from "./recorded.json";

for (const { name, events, folded } of recorded) {
  test(`server and page make the same of ${name}`, () => {
    const found = conversation();
    const seen = timeline();
    for (const event of events) {
      converse(found, event as LogEvent);
      fold(seen, 0, event as LogEvent);
    }
    const told = {
      messages: finishedMessages(found),
      open: [...found.open.keys()],
      hidden: [...found.hidden],
      state: found.state,
      tasks: [...found.tasks.keys()],
      outputs: Object.fromEntries(found.outputs),
      run: found.run,
      lastRun: found.lastRun,
      context: seen.context ?? null,
    };
    expect(JSON.parse(JSON.stringify(told))).toEqual(folded);
  });
}
