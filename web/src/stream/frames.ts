// Server-sent events, read with fetch: so that status, error body and headers can be shown.

export interface Frame {
  id?: string;
  data?: string;
  retry?: string;
}

/** Cuts text into frames; what is not complete yet is kept. */
export class Frames {
  #rest = "";

  feed(text: string): Frame[] {
    const parts = (this.#rest + text).split("\n\n");
    this.#rest = parts.pop() ?? "";
    return parts.map(frame);
  }
}

function frame(part: string): Frame {
  const found: Frame = {};
  for (const line of part.split("\n")) {
    const at = line.indexOf(":");
    if (at < 1) continue;
    const value = line.slice(at + 1).replace(/^ /, "");
    const name = line.slice(0, at);
    if (name === "data") found.data = found.data === undefined ? value : `${found.data}\n${value}`;
    else if (name === "id" || name === "retry") found[name] = value;
  }
  return found;
}
