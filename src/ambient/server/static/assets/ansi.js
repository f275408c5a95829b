// Terminal output as pieces of text with class names; everything else a terminal obeys is dropped.

const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /\x1b\[([0-9;:]*)m|\x1b\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b[\]PX^_][\s\S]*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;
const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/** [{text, names}] of a command's output. A line that was overwritten (\r) shows its last state. */
export function pieces(output) {
  const text = output.replace(/\r\n/g, "\n").replace(/[^\n]*\r(?=[^\n])/g, "");
  const found = [];
  let style = { bold: false, colour: "" };
  let from = 0;
  const take = (to) => {
    if (to > from) found.push({ text: text.slice(from, to).replace(/\r/g, ""), names: namesOf(style) });
  };
  for (const match of text.matchAll(ESCAPES)) {
    take(match.index);
    if (match[1] !== undefined) style = restyled(style, match[1]);
    from = match.index + match[0].length;
  }
  take(text.length);
  return found;
}

function namesOf(style) {
  return [style.bold && "bold", style.colour && `ansi-${style.colour}`].filter(Boolean).join(" ");
}

function restyled(style, codes) {
  const found = { ...style };
  for (const code of codes.split(/[;:]/).map(Number)) {
    if (code === 0) Object.assign(found, { bold: false, colour: "" });
    else if (code === 1) found.bold = true;
    else if (code === 22) found.bold = false;
    else if (code === 39) found.colour = "";
    else if (code === 38 || code === 48) break; // colours of a palette are not drawn
    else if (code >= 30 && code <= 37) found.colour = COLOURS[code - 30];
    else if (code >= 90 && code <= 97) found.colour = COLOURS[code - 90];
  }
  return found;
}
