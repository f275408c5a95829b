import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { Prose } from "../src/session/markdown";

const drawn = (text: string) =>
  renderToStaticMarkup(<Prose text={text} />)
    .replace(/^<div class="prose ">/, "")
    .replace(/<\/div>$/, "");

test("Markdown is drawn as its author meant it", () => {
  expect(drawn("# One\n\nSome **bold**, *soft*, ~~gone~~ and `code`.")).toBe(
    "<h1>One</h1><p>Some <strong>bold</strong>, <em>soft</em>, <del>gone</del> and <code>code</code>.</p>",
  );
  expect(drawn("- a\n- b\n  1. c")).toBe(
    "<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>".replace("<ol>", '<ol start="1">'),
  );
  expect(drawn("- [x] done\n- [ ] open")).toBe("<ul><li>☑ done</li><li>☐ open</li></ul>");
  expect(drawn("> said\n\n---")).toBe("<blockquote><p>said</p></blockquote><hr/>");
  expect(drawn("```py\na < b\n```")).toBe('<pre tabindex="0"><code class="code">a &lt; b\n</code></pre>');
  expect(drawn("a  \nb \\* &amp; &rarr; &#8364; &what;")).toBe("<p>a<br/>b * &amp; → € &amp;what;</p>");
  expect(drawn("| a | b |\n|---|--:|\n| 1 | **2** |")).toBe(
    '<table><thead><tr><th>a</th><th class="text-right">b</th></tr></thead>' +
      '<tbody><tr><td>1</td><td class="text-right"><strong>2</strong></td></tr></tbody></table>',
  );
});

test("a link says where it leads, and leads only out of this page", () => {
  const away = 'rel="noopener noreferrer nofollow" target="_blank"';
  const host = '<span class="text-muted"> (other.test)</span>';
  expect(drawn("[site](https://other.test/page)")).toBe(
    `<p><a href="https://other.test/page" ${away}>site${host}</a></p>`,
  );
  expect(drawn("https://other.test/a")).toBe(`<p><a href="https://other.test/a" ${away}>https://other.test/a</a></p>`);
  expect(drawn("![picture](https://other.test/track.png)")).toBe(
    `<p><a href="https://other.test/track.png" ${away}>Image: picture${host}</a></p>`,
  );
  for (const address of ["javascript:alert(1)", "data:text/html,x", "//other.test/x", "/admin", "JaVaScRiPt:x"]) {
    expect(drawn(`[click](${address}) ![a](${address})`), address).not.toMatch(/href|src/);
  }
});

test("HTML is shown as it was written", () => {
  expect(drawn("<script>alert(1)</script>")).toBe(
    '<p class="whitespace-pre-wrap">&lt;script&gt;alert(1)&lt;/script&gt;</p>',
  );
  expect(drawn("a <svg onload=x>b</svg>")).toBe("<p>a &lt;svg onload=x&gt;b&lt;/svg&gt;</p>");
});

test("what nobody could read as Markdown is shown as text", () => {
  for (const text of [">".repeat(20_000), "a".repeat(60_000)]) {
    expect(drawn(text)).toBe(`<p class="whitespace-pre-wrap">${text.replaceAll(">", "&gt;")}</p>`);
  }
});
