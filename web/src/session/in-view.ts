// Which message the reader has before them.

/** The event that begins the message which the reader has before them; null: none is drawn. */
export function messageInView(): number | null {
  const feed = document.querySelector("[role=feed]");
  const top = feed?.parentElement?.getBoundingClientRect().top ?? 0;
  const all = [...(feed?.querySelectorAll<HTMLElement>("article[data-kind=message]") ?? [])];
  const focused = all.find((one) => one.contains(document.activeElement));
  const seen = focused ?? all.find((one) => one.getBoundingClientRect().top >= top) ?? all.at(-1);
  return Number(seen?.dataset.seq) || null;
}
