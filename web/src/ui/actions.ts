// What can be done on the page that is shown: told by the page, offered by the palette.

import { useEffect, useRef } from "react";

export interface Action {
  label: string;
  /** The key that does the same. */
  key?: string;
  act: () => void;
}

const offering: { current: Action[] }[] = [];

/** The actions of every part of the page that is shown now. */
export const actionsNow = (): Action[] => offering.flatMap((one) => one.current);

/** Offer these while this part of the page is shown. */
export function useActions(actions: Action[]): void {
  const mine = useRef(actions);
  mine.current = actions;
  useEffect(() => {
    offering.push(mine);
    return () => void offering.splice(offering.indexOf(mine), 1);
  }, []);
}
