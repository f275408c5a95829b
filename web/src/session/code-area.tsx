// The editor of a file: CodeMirror, in the colours of the page. Loaded when somebody first edits.

import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
import { closeSearchPanel, highlightSelectionMatches, search, searchKeymap, searchPanelOpen } from "@codemirror/search";
import { EditorState, type Extension, RangeSet, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
  ViewPlugin,
  type ViewUpdate,
} from "@codemirror/view";
import { getNonce } from "get-nonce";
import { useEffect, useRef } from "react";
import { newPlace, type PaintedLine } from "./code";
import { ask } from "./painter";

interface Props {
  /** Says the language. */
  name: string;
  label: string;
  /** The text at first; later on it is the editor's. */
  text: string;
  onText: (text: string) => void;
  onSave: () => void;
}

const LEAVES = 4000; // milliseconds after Escape in which Tab leaves

export function CodeArea(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const now = useRef(props);
  now.current = props;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor lives as long as its file is edited
  useEffect(() => {
    const node = place.current;
    if (!node) return;
    const view = new EditorView({ parent: node, doc: props.text, extensions: extensions(now) });
    view.focus();
    const leave = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || !node.contains(document.activeElement)) return;
      event.stopPropagation(); // it neither stops the run nor closes what the editor is in
      if (searchPanelOpen(view.state)) closeSearchPanel(view);
      else view.setTabFocusMode(LEAVES);
    };
    addEventListener("keydown", leave, { capture: true });
    return () => {
      removeEventListener("keydown", leave, { capture: true });
      view.destroy();
    };
  }, []);
  return <div ref={place} className="code" />;
}

function extensions(now: { current: Props }): Extension[] {
  const save = () => {
    now.current.onSave();
    return true;
  };
  return [
    EditorView.cspNonce.of(getNonce() ?? ""),
    LOOK,
    WORDS,
    now.current.text.includes("\r\n") ? EditorState.lineSeparator.of("\r\n") : [], // what it had it keeps
    lineNumbers(),
    history(),
    drawSelection(),
    highlightActiveLine(),
    highlightSelectionMatches(),
    search({ top: true }),
    keymap.of([
      { key: "Mod-s", run: save, preventDefault: true },
      { key: "Tab", run: indentMore, shift: indentLess },
      ...searchKeymap,
      ...historyKeymap,
      ...defaultKeymap,
    ]),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": now.current.label, spellcheck: "false", autocapitalize: "off" }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) now.current.onText(update.state.sliceDoc());
    }),
    colours(now.current.name),
  ];
}

const WORDS = EditorState.phrases.of({
  next: "Next",
  previous: "Previous",
  all: "Select all",
  "match case": "Match case",
  regexp: "Regular expression",
  "by word": "Whole words",
  replace: "Replace",
  "replace all": "Replace all",
  close: "Close the search",
  Find: "Find in the file",
  Replace: "Replace by",
});

const SIZE = "0.9286rem";

const LOOK = EditorView.theme({
  "&": { border: "1px solid var(--edge)", borderRadius: "6px", background: "var(--code)", color: "var(--text)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "2px" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", fontSize: SIZE, lineHeight: "1.45", overflow: "auto" },
  ".cm-content": { minHeight: "20rem", caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { background: "transparent", color: "var(--muted)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { background: "transparent" },
  "&.cm-focused .cm-activeLine": { background: "color-mix(in oklab, var(--hover) 60%, transparent)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    background: "color-mix(in oklab, var(--accent) 28%, transparent)",
  },
  ".cm-selectionMatch": { background: "var(--accent-soft)" },
  ".cm-searchMatch": { background: "var(--amber-soft)", outline: "1px solid var(--amber)" },
  ".cm-searchMatch-selected": { background: "var(--accent-soft)", outline: "2px solid var(--accent)" },
  ".cm-panels": { background: "var(--surface)", color: "var(--text)", borderRadius: "6px 6px 0 0" },
  ".cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "6px", display: "flex", flexWrap: "wrap", gap: "6px", alignItems: "center" },
  ".cm-panel.cm-search br": { display: "none" },
  ".cm-panel.cm-search label": { display: "inline-flex", alignItems: "center", gap: "4px", fontSize: SIZE },
  ".cm-panel.cm-search input, .cm-panel.cm-search button, .cm-panel.cm-search label": { margin: "0" },
  ".cm-panel.cm-search input[type=checkbox]": { width: "18px", height: "18px" },
  ".cm-panel.cm-search [name=close]": { position: "static", minWidth: "28px" },
  ".cm-textfield": {
    background: "var(--surface)",
    color: "var(--text)",
    border: "1px solid var(--edge)",
    borderRadius: "6px",
    padding: "2px 6px",
    minHeight: "28px",
    fontSize: SIZE,
  },
  ".cm-button": {
    background: "var(--surface)",
    backgroundImage: "none",
    color: "var(--text)",
    border: "1px solid var(--edge)",
    borderRadius: "6px",
    minHeight: "28px",
    fontSize: SIZE,
  },
  "@media (pointer: coarse)": {
    ".cm-textfield, .cm-button, .cm-panel.cm-search [name=close]": { minHeight: "44px", fontSize: "1rem" },
    ".cm-scroller": { fontSize: "1rem" }, // smaller letters make a phone zoom in
  },
});

const painted = StateEffect.define<readonly PaintedLine[]>();
const marks = new Map<string, Decoration>();

function mark(look: string): Decoration {
  const found = marks.get(look) ?? Decoration.mark({ class: look });
  marks.set(look, found);
  return found;
}

/** The colours of the worker, as soon as they are there; what is typed meanwhile moves them. */
function colours(name: string): Extension {
  const field = StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update: (before, change) => {
      const lines = change.effects.find((one) => one.is(painted))?.value;
      return lines ? decorations(lines as readonly PaintedLine[]) : before.map(change.changes);
    },
    provide: (one) => EditorView.decorations.from(one),
  });
  const place = newPlace();
  const draw = async (view: EditorView) => {
    const { doc } = view.state;
    const lines = await ask(place, name, doc.toString());
    if (lines && view.state.doc.eq(doc)) view.dispatch({ effects: painted.of(lines) });
  };
  const watch = ViewPlugin.define((view) => {
    void draw(view);
    return {
      update: (update: ViewUpdate) => {
        if (update.docChanged) void draw(update.view);
      },
    };
  });
  return [field, watch];
}

function decorations(lines: readonly PaintedLine[]): DecorationSet {
  let at = 0;
  const found = [];
  for (const { text, tokens } of lines) {
    let from = at;
    for (const [piece, look] of tokens) {
      if (look) found.push(mark(look).range(from, from + piece.length));
      from += piece.length;
    }
    at += text.length + 1;
  }
  return RangeSet.of(found);
}
