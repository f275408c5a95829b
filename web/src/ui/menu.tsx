// A menu behind a button. What is impossible now stays in it, with the reason.

import * as Radix from "@radix-ui/react-dropdown-menu";
import { type ReactNode, useRef } from "react";

export interface MenuItem {
  label: string;
  /** Shown behind the label. */
  note?: string;
  onSelect: () => void;
  disabled?: boolean;
  danger?: boolean;
  checked?: boolean;
  /** One of several that are chosen one after the other. */
  keepOpen?: boolean;
  /** What it opens takes the focus; else the menu's button has it again. */
  takesFocus?: boolean;
}

export function Menu({ trigger, items, label }: { trigger: ReactNode; items: (MenuItem | null)[]; label?: string }) {
  const taken = useRef(false);
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          aria-label={label}
          align="end"
          sideOffset={4}
          collisionPadding={8}
          onCloseAutoFocus={(event) => {
            if (taken.current) event.preventDefault();
            taken.current = false;
          }}
          className="z-50 max-h-[70dvh] min-w-52 overflow-y-auto rounded-lg border border-line bg-surface p-1 shadow-xl"
        >
          {items.map((item, at) =>
            item === null ? (
              <Radix.Separator key={at} className="my-1 h-px bg-line" />
            ) : (
              <Radix.Item
                key={item.label}
                disabled={item.disabled}
                onSelect={(event) => {
                  if (item.keepOpen) event.preventDefault();
                  item.onSelect();
                }}
                className={`flex min-h-8 items-center justify-between gap-4 rounded px-2 outline-none data-[disabled]:text-muted data-[highlighted]:bg-hover ${item.danger ? "text-red" : ""}`}
              >
                <span>
                  {item.checked !== undefined && (
                    <span aria-hidden className="inline-block w-5">
                      {item.checked ? "✓" : ""}
                    </span>
                  )}
                  {item.label}
                  {item.checked && <span className="sr-only"> (chosen)</span>}
                </span>
                {item.note && <span className="text-xs text-muted">{item.note}</span>}
              </Radix.Item>
            ),
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
