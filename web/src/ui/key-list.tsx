// All keys, for the help and for the page of one's own settings.

const KEYS: [title: string, keys: [string, string][]][] = [
  [
    "Everywhere",
    [
      ["Ctrl K", "palette: sessions, places, actions"],
      ["c", "new session"],
      ["g a, g s, g h", "Attention, sessions, health"],
      ["[", "narrow or widen the rail"],
      ["F6", "next region"],
      ["?", "this list"],
    ],
  ],
  [
    "Lists",
    [
      ["j k", "next, previous"],
      ["⏎", "open"],
      ["x, ⇧x", "select one, or all up to it"],
      ["s r l", "Sessions: stop, resume, label what is selected, else the row"],
      ["o", "Sessions: open in another tab"],
      ["f v /", "Sessions: filters, views, find"],
      ["a", "answer"],
      ["e", "dismiss"],
      ["n", "something new: schedules, sharing, keys"],
      ["Ctrl S", "save, in Settings"],
    ],
  ],
  [
    "A session",
    [
      ["j k", "next, previous message"],
      ["n p", "next, previous failure or question"],
      ["x", "open or close a tool call"],
      ["a", "to the open question"],
      ["1 … 9", "that answer of it; ⏎ sends"],
      ["i", "write"],
      ["m", "choose the model"],
      ["f", "fork"],
      ["]", "explorer"],
      ["/", "find in this session"],
      [".", "to the end"],
      ["Esc Esc", "stop the run, while writing"],
      ["↑", "an earlier prompt, in an empty field"],
    ],
  ],
];

export function KeyList() {
  return (
    <div className="grid gap-5 sm:grid-cols-2">
      {KEYS.map(([title, keys]) => (
        <section key={title} aria-label={title}>
          <h3 className="mb-1 font-semibold">{title}</h3>
          <dl className="grid grid-cols-[7rem_1fr] gap-y-0.5">
            {keys.map(([key, meaning]) => (
              <div key={key} className="contents">
                <dt>
                  <kbd className="rounded border border-line bg-sunken px-1.5 font-mono text-xs">{key}</kbd>
                </dt>
                <dd className="text-muted">{meaning}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}
