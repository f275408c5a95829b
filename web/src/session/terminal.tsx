// Output as a terminal shows it.

import { Ansi } from "../ui/ansi";

interface Props {
  text: string;
  label: string;
  tall?: boolean;
  /** Long lines go on below; else they are scrolled to. */
  wrap?: boolean;
}

export function Terminal({ text, label, tall, wrap = true }: Props) {
  return (
    <pre
      role="group"
      aria-label={label}
      tabIndex={0}
      className={`terminal overflow-auto ${tall ? "" : "max-h-[60vh]"} ${wrap ? "" : "whitespace-pre!"}`}
    >
      <Ansi text={text} />
    </pre>
  );
}
