// The official AG-UI client as a judge.
//
//   node judge.mjs                                 streams on stdin, one JSON object a line:
//                                                  {"mode":"run"|"session","events":[...]}
//                                                  → {"errors":[...],"warnings":[...],"outside":[positions]}
//   node judge.mjs http-agent URL TOKEN STEPS      HttpAgent against POST …/agui/run; STEPS is a JSON list
//                                                  of {"prompt"} and {"answer"}; prints one object
//
// A stream is judged by the client's own two checks: each event has the shape of the protocol
// (enforceEvents), and each stands where it may (verifyEvents).

import { createInterface } from "node:readline";
import { argv, stdin, stdout } from "node:process";

import { HttpAgent, enforceEvents, verifyEvents } from "@ag-ui/client";
import { from, lastValueFrom, toArray } from "rxjs";

import { splitSession } from "./shim.mjs";

const print = (value) => stdout.write(`${JSON.stringify(value)}\n`);

async function collectWarnings(work) {
  const { warn } = console;
  const warnings = [];
  console.warn = (...words) => warnings.push(words.map(String).join(" "));
  try {
    await work();
  } finally {
    console.warn = warn;
  }
  return warnings;
}

async function judge({ mode, events }) {
  const { inside, outside } =
    mode === "session" ? splitSession(events) : { inside: events, outside: [] };
  const errors = [];
  let passed = 0;
  const warnings = await collectWarnings(async () => {
    try {
      // A copy: the client may change what it reads, and a later stream may hold the same events.
      const stream = from(structuredClone(inside)).pipe(enforceEvents(), verifyEvents());
      const seen = await lastValueFrom(stream.pipe(toArray()));
      passed = seen.length;
    } catch (error) {
      errors.push(String(error.message ?? error));
    }
  });
  if (!errors.length && passed !== inside.length) {
    errors.push(`the client dropped ${inside.length - passed} of ${inside.length} events`);
  }
  return { errors, warnings, outside };
}

async function judgeLines() {
  for await (const line of createInterface({ input: stdin })) {
    print(await judge(JSON.parse(line)));
  }
}

async function httpAgent(url, token, steps) {
  const agent = new HttpAgent({ url, headers: { Authorization: `Bearer ${token}` } });
  const events = [];
  const errors = [];
  for (const { prompt, answer } of JSON.parse(steps)) {
    const resume = agent.pendingInterrupts.map(({ id }) => ({
      interruptId: id,
      status: "resolved",
      payload: { answer },
    }));
    if (prompt) agent.addMessage({ id: crypto.randomUUID(), role: "user", content: prompt });
    try {
      await agent.runAgent(prompt ? {} : { resume }, {
        onEvent: ({ event }) => void events.push(event),
      });
    } catch (error) {
      errors.push(String(error.message ?? error));
    }
  }
  print({ messages: agent.messages, events, errors, interrupts: agent.pendingInterrupts });
}

const [mode, ...rest] = argv.slice(2);
if (mode === "http-agent") {
  await httpAgent(...rest);
} else {
  await judgeLines();
}
