import { afterEach, expect, test, vi } from "vitest";
import { get, textOf, Unreachable } from "../src/api/http";

afterEach(() => vi.unstubAllGlobals());

/** A server whose replies end like that after their first bytes. */
function ending(error: unknown): void {
  const cut = () =>
    new ReadableStream({
      start: (body) => body.enqueue(new TextEncoder().encode('{"items": [')),
      pull: (body) => body.error(error),
    });
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("sessionStorage", { getItem: () => "login" });
  vi.stubGlobal("fetch", async () => new Response(cut()));
}

test("a reply that is cut off is a server that does not answer, not an error of the page", async () => {
  ending(new TypeError("network error"));
  await expect(get("/api/projects")).rejects.toBeInstanceOf(Unreachable);
  await expect(textOf("/api/projects/p/agentic-sessions/s/logs")).rejects.toThrow("The server does not answer.");
});

test("a reply that nobody waits for any more stays an AbortError", async () => {
  ending(new DOMException("", "AbortError"));
  await expect(get("/api/projects")).rejects.toMatchObject({ name: "AbortError" });
});
