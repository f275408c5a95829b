import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { Ago } from "../src/ui/time";

test("a time that nobody knows is told as such, never as an empty place", () => {
  const unknown = '<span class="w-20"><span aria-hidden="true">–</span><span class="sr-only">not known</span></span>';
  for (const at of [null, undefined, "", "once"]) {
    expect(renderToStaticMarkup(<Ago at={at} className="w-20" />)).toBe(unknown);
  }
  expect(renderToStaticMarkup(<Ago at={Date.now()} />)).toContain(">now</time>");
});
