// The one word of a session: icon shape, word and tone always go together.

import {
  Circle,
  CircleCheck,
  CircleDashed,
  CirclePause,
  CircleX,
  LoaderCircle,
  type LucideIcon,
  Square,
} from "lucide-react";
import type { Status, Tone, Word } from "../contract/status";

const ICONS: Record<Word, LucideIcon> = {
  "Needs you": CirclePause,
  Working: LoaderCircle,
  Ready: Circle,
  Waiting: CircleDashed,
  Starting: CircleDashed,
  Stopping: CircleDashed,
  Stopped: Square,
  Done: CircleCheck,
  Failed: CircleX,
};
const MOVING = new Set<Word>(["Working", "Starting", "Stopping"]);

export const TONE: Record<Tone, string> = {
  amber: "text-amber",
  blue: "text-blue",
  neutral: "text-muted",
  green: "text-green",
  red: "text-red",
};
const SOFT: Record<Tone, string> = {
  amber: "bg-amber-soft text-amber",
  blue: "bg-blue-soft text-blue",
  neutral: "bg-sunken text-muted",
  green: "bg-green-soft text-green",
  red: "bg-red-soft text-red",
};

export function StatusIcon({ word, tone, size = 15 }: { word: Word; tone: Tone; size?: number }) {
  const Icon = ICONS[word];
  return (
    <Icon
      aria-hidden
      size={size}
      strokeWidth={2.2}
      className={`shrink-0 ${TONE[tone]} ${MOVING.has(word) ? "spin" : ""}`}
    />
  );
}

export function StatusChip({ status }: { status: Pick<Status, "word" | "tone"> }) {
  return (
    <span
      data-part="status"
      className={`inline-flex h-6 shrink-0 items-center whitespace-nowrap gap-1.5 rounded-full px-2 text-xs font-semibold ${SOFT[status.tone]}`}
    >
      <StatusIcon word={status.word} tone={status.tone} size={14} />
      {status.word}
    </span>
  );
}
