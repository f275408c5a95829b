// What an agent writes. No raw HTML, no remote images, links with their host; a finished block is not parsed again.

import { Lexer, type MarkedToken, type Token, type Tokens } from "marked";
import { Fragment, memo, type ReactNode, useDeferredValue } from "react";
import { Code } from "./code";

const LONGEST = 50_000; // characters of one block; who writes more without a blank line writes no Markdown

function hostOf(address: string | undefined): string | null {
  try {
    const url = new URL(address ?? "");
    return /^(https?|mailto):$/.test(url.protocol) ? url.host || url.pathname : null;
  } catch {
    return null; // a path is no place that this page could go to
  }
}

function Link({ href, text, children }: { href: string; text: string; children: ReactNode }) {
  const host = hostOf(href);
  if (!host) return <span title={href}>{children}</span>;
  return (
    <a href={href} rel="noopener noreferrer nofollow" target="_blank">
      {children}
      {!text.includes(host) && <span className="text-muted"> ({host})</span>}
    </a>
  );
}

const NAMED: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
  copy: "©",
  reg: "®",
  hellip: "…",
  ndash: "–",
  mdash: "—",
  larr: "←",
  rarr: "→",
  times: "×",
  middot: "·",
  bull: "•",
};

/** What a character reference stands for; one that we do not know is shown as it was written. */
const plain = (text: string) =>
  text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-z]+));/g, (whole, ten, sixteen, name) => {
    if (name) return NAMED[name] ?? whole;
    const code = ten ? Number(ten) : Number.parseInt(sixteen, 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
  });

/** The tokens as elements: text stays text, and of HTML its letters are shown. */
const drawn = (tokens: Token[] | undefined): ReactNode =>
  tokens?.map((one, at) => <Fragment key={at}>{draw(one as MarkedToken)}</Fragment>);

function draw(token: MarkedToken): ReactNode {
  switch (token.type) {
    case "paragraph":
      return <p>{drawn(token.tokens)}</p>;
    case "heading": {
      const Heading = `h${token.depth}` as "h1";
      return <Heading>{drawn(token.tokens)}</Heading>;
    }
    case "code":
      return (
        <pre tabIndex={0}>
          <code className="code">
            <Code text={`${token.text}\n`} name={token.lang?.split(/\s/)[0]} />
          </code>
        </pre>
      );
    case "blockquote":
      return <blockquote>{drawn(token.tokens)}</blockquote>;
    case "list":
      return <List token={token} />;
    case "table":
      return <Table token={token} />;
    case "hr":
      return <hr />;
    case "html":
      return token.block ? <p className="whitespace-pre-wrap">{token.text}</p> : token.text;
    case "space":
    case "def":
      return null;
    default:
      return drawInline(token);
  }
}

function drawInline(token: MarkedToken): ReactNode {
  switch (token.type) {
    case "text":
      return token.tokens ? drawn(token.tokens) : plain(token.text);
    case "strong":
      return <strong>{drawn(token.tokens)}</strong>;
    case "em":
      return <em>{drawn(token.tokens)}</em>;
    case "del":
      return <del>{drawn(token.tokens)}</del>;
    case "codespan":
      return <code>{token.text}</code>;
    case "br":
      return <br />;
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "link":
      return (
        <Link href={token.href} text={token.text}>
          {token.autolink ? token.text : drawn(token.tokens)}
        </Link>
      );
    case "image": {
      const text = `Image: ${plain(token.text) || "no description"}`;
      return (
        <Link href={token.href} text={text}>
          {text}
        </Link>
      );
    }
    default:
      return "text" in token ? token.text : null;
  }
}

function List({ token }: { token: Tokens.List }) {
  const items = token.items.map((one, at) => <li key={at}>{drawn(one.tokens)}</li>);
  if (!token.ordered) return <ul>{items}</ul>;
  return <ol start={token.start === "" ? undefined : token.start}>{items}</ol>;
}

const ALIGNED = { left: "text-left", right: "text-right", center: "text-center" };

function Table({ token }: { token: Tokens.Table }) {
  const cell = (one: Tokens.TableCell, at: number) => {
    const Cell = one.header ? "th" : "td";
    return (
      <Cell key={at} className={one.align ? ALIGNED[one.align] : undefined}>
        {drawn(one.tokens)}
      </Cell>
    );
  };
  return (
    <table>
      <thead>
        <tr>{token.header.map(cell)}</tr>
      </thead>
      <tbody>
        {token.rows.map((row, at) => (
          <tr key={at}>{row.map(cell)}</tr>
        ))}
      </tbody>
    </table>
  );
}

/** What is said in Markdown; null: it cannot be told, and its letters are shown. */
function read(text: string): Token[] | null {
  if (text.length > LONGEST) return null;
  try {
    return new Lexer({ gfm: true }).lex(text);
  } catch {
    return null; // nested deeper than anybody reads
  }
}

const Block = memo(function Block({ text }: { text: string }) {
  const tokens = read(text);
  return tokens ? drawn(tokens) : <p className="whitespace-pre-wrap">{text}</p>;
});

export const Prose = memo(function Prose({ text, open }: { text: string; open?: boolean }) {
  const shown = useDeferredValue(text); // what a person types comes before what an agent says
  return (
    <div className={`prose ${open ? "open" : ""}`}>
      <Blocks text={shown} />
      {open && <span className="caret" />}
    </div>
  );
});

const Blocks = memo(function Blocks({ text }: { text: string }) {
  return blocks(text).map((block, at) => <Block key={at} text={block} />);
});

/** A text cut at blank lines outside fences, where what follows begins anew. */
export function blocks(text: string): string[] {
  const found: string[] = [];
  let current: string[] = [];
  let fence: string | null = null;
  let blank = false;
  for (const line of text.split("\n")) {
    const mark: string | undefined = /^ {0,3}(```+|~~~+)/.exec(line)?.[1];
    if (blank && fence === null && line.trim() && !/^\s/.test(line) && !/^([-*+]|\d+[.)])\s/.test(line)) {
      found.push(current.join("\n"));
      current = [];
    }
    if (mark) {
      if (fence === null) fence = mark;
      else if (mark.startsWith(fence)) fence = null;
    }
    blank = line.trim() === "";
    current.push(line);
  }
  if (current.length) found.push(current.join("\n"));
  return found;
}
