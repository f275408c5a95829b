// A dialog: gives focus back, closes with Escape, names what it is about.

import * as Radix from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";

interface Props {
  open: boolean;
  /** Missing: it cannot be closed, only come to its end. */
  onClose?: () => void;
  title: string;
  children: ReactNode;
  /** Comes from below on a phone and fills the side on a screen. */
  sheet?: boolean;
  wide?: boolean;
  /** It came by itself: it takes neither the page nor the keys from who works on it. */
  aside?: boolean;
}

const stay = (event: Event) => event.preventDefault();

export function Dialog({ open, onClose, title, children, sheet, wide, aside }: Props) {
  const place = sheet
    ? "inset-x-0 bottom-0 max-h-[88dvh] rounded-t-xl"
    : `left-1/2 top-[12vh] max-h-[76dvh] w-[94vw] -translate-x-1/2 rounded-xl ${wide ? "max-w-[46rem]" : "max-w-lg"}`;
  return (
    <Radix.Root open={open} modal={!aside} onOpenChange={(now) => now || onClose?.()}>
      <Radix.Portal>
        {!aside && <Radix.Overlay className="fixed inset-0 z-40 bg-[#0007]" />}
        <Radix.Content
          aria-describedby={undefined}
          {...(aside && { onOpenAutoFocus: stay, onCloseAutoFocus: stay })}
          className={`fixed z-50 flex flex-col overflow-hidden border border-line bg-surface shadow-2xl ${place}`}
        >
          <div className="flex items-center justify-between gap-2 border-b border-line px-4 py-2">
            <Radix.Title className="text-base font-semibold">{title}</Radix.Title>
            {onClose && (
              <Radix.Close className="btn btn-quiet btn-icon" aria-label="Close">
                <X size={16} aria-hidden />
              </Radix.Close>
            )}
          </div>
          <div className="min-h-0 overflow-y-auto p-4">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
