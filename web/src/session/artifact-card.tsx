// A card for each file of artifacts/ that an answer points at: it opens when a person asks for it.

import { FileText } from "lucide-react";
import { useMemo } from "react";
import { useSession } from "./context";
import { artifactsIn } from "./made";

const MOST = 6;

export function ArtifactCards({ text }: { text: string }) {
  const { openFile, unfolded } = useSession();
  const paths = useMemo(() => artifactsIn(text).slice(0, MOST), [text]);
  if (!paths.length || unfolded) return null;
  return (
    <ul aria-label="Artifacts" className="mt-2 flex flex-wrap gap-2">
      {paths.map((path) => (
        <li key={path}>
          <button type="button" className="btn max-w-full" onClick={() => openFile(path)}>
            <FileText size={15} aria-hidden className="shrink-0 text-muted" />
            <span className="truncate">Open {path.replace("artifacts/", "")}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
