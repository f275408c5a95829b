// A file of the workspace: shown by its kind, and what can be done with it.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, Pencil, Trash2 } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { blobOf, post, remove } from "../api/http";
import { fileApi } from "../api/paths";
import { ProblemView } from "../ui/problem";
import { bytes } from "../ui/time";
import { Lines } from "./code";
import { useSession } from "./context";
import { download } from "./download";
import { Editor, unsavedBase } from "./editor";
import { table } from "./lines";
import { Prose } from "./markdown";

const LARGEST = 1 << 20;
const IMAGES = /\.(png|jpe?g|gif|webp|avif|bmp|ico|svg)$/i;
const MARKDOWN = /\.(md|markdown)$/i;
const TABLE = /\.(csv|tsv)$/i;
const PAGE = /\.html?$/i;
const ROWS = 200; // rows of a table that are shown without being asked for

interface Loaded {
  text: string | null;
  image: string | null;
  size: number;
}

async function load(api: string, path: string): Promise<Loaded> {
  const found = await blobOf(fileApi(api, path));
  if (IMAGES.test(path)) return { text: null, image: URL.createObjectURL(typed(found, path)), size: found.size };
  if (found.size > LARGEST) return { text: null, image: null, size: found.size };
  const text = await found.text();
  return { text: text.includes("\0") ? null : text, image: null, size: found.size };
}

/** An image of this kind has to say so; as an image nothing in it runs. */
const typed = (blob: Blob, path: string) => (/\.svg$/i.test(path) ? new Blob([blob], { type: "image/svg+xml" }) : blob);

interface Props {
  path: string;
  line: number | undefined;
  onClose: () => void;
}

export function FileView({ path, line, onClose }: Props) {
  const { api, project, name, session, mayEdit, compose } = useSession();
  const client = useQueryClient();
  const found = useFile(path);
  const [edited, setEdited] = useState<string | null>(() => unsavedBase(api, path));
  const [error, setError] = useState<unknown>(null);
  const running = session.status?.phase === "Running";
  const mayWrite = mayEdit && running;
  const why = mayEdit ? "The session is not running" : "Needs the role edit";
  const drop = async () => {
    try {
      await remove(fileApi(api, path));
      await client.invalidateQueries({ queryKey: ["files", project, name] });
      onClose();
    } catch (problem) {
      setError(problem);
    }
  };
  const edit = async () => {
    const { data } = await found.refetch(); // what is edited is what is there now
    if (data?.text != null) setEdited(data.text);
  };
  const text = found.data?.text;
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-1">
        <button type="button" className="btn btn-quiet btn-small" onClick={onClose}>
          ‹ All files
        </button>
        <h2 className="min-w-0 flex-1 truncate font-mono text-[0.9286rem]" title={path}>
          {path}
        </h2>
        <IconButton
          label="Download"
          icon={<Download size={14} aria-hidden />}
          onClick={() => void download(fileApi(api, path), path.split("/").at(-1) ?? "file")}
        />
        {text != null && (
          <IconButton
            label="Edit"
            icon={<Pencil size={14} aria-hidden />}
            why={mayWrite ? undefined : why}
            onClick={() => void edit()}
          />
        )}
        <IconButton
          label="Delete the file"
          icon={<Trash2 size={14} aria-hidden />}
          why={mayWrite ? undefined : why}
          onClick={() => void drop()}
        />
        <button type="button" className="btn btn-quiet btn-small" onClick={() => compose(`@${path} `)}>
          Mention
        </button>
      </div>
      {error !== null && <ProblemView error={error} />}
      {edited !== null ? (
        <Editor path={path} text={edited} onDone={() => setEdited(null)} />
      ) : (
        <FileContent path={path} line={line} />
      )}
    </div>
  );
}

/** What is in a file, by its kind. */
export function FileContent({ path, line }: { path: string; line?: number | undefined }) {
  const found = useFile(path);
  if (found.error) return <ProblemView error={found.error} />;
  if (!found.data) return <p className="text-muted">Reading…</p>;
  const { text, image, size } = found.data;
  if (image) return <img src={image} alt={path} className="max-w-full rounded border border-line" />;
  if (text === null) return <p className="text-muted">{bytes(size)}, not shown here. Download it to look at it.</p>;
  return <Content path={path} text={text} line={line} at={found.dataUpdatedAt} />;
}

function useFile(path: string) {
  const { api, project, name } = useSession();
  return useQuery({ queryKey: ["file", project, name, path], queryFn: () => load(api, path) });
}

interface IconProps {
  label: string;
  icon: ReactNode;
  /** Why it cannot be used now. */
  why?: string | undefined;
  onClick: () => void;
}

function IconButton({ label, icon, why, onClick }: IconProps) {
  return (
    <button
      type="button"
      className="btn btn-quiet btn-icon btn-small"
      aria-label={label}
      title={why ?? label}
      disabled={why !== undefined}
      onClick={onClick}
    >
      {icon}
    </button>
  );
}

/** A text by its kind, and its source. at: when it was read. */
function Content({ path, text, line, at }: { path: string; text: string; line: number | undefined; at: number }) {
  const drawn = MARKDOWN.test(path) ? (
    <Prose text={text} />
  ) : TABLE.test(path) ? (
    <Values text={text} separator={/\.tsv$/i.test(path) ? "\t" : ","} />
  ) : PAGE.test(path) ? (
    <Framed path={path} at={at} />
  ) : null;
  const [plain, setPlain] = useState(line !== undefined);
  if (drawn && !plain) {
    return (
      <>
        {drawn}
        <div>
          <button type="button" className="btn btn-quiet btn-small" onClick={() => setPlain(true)}>
            Show the source
          </button>
        </div>
      </>
    );
  }
  return (
    <>
      <Lines text={text.replace(/\n$/, "")} name={path} label="Content" tall marked={line} />
      {drawn && (
        <div>
          <button type="button" className="btn btn-quiet btn-small" onClick={() => setPlain(false)}>
            Show as it looks
          </button>
        </div>
      )}
    </>
  );
}

function Values({ text, separator }: { text: string; separator: string }) {
  const rows = useMemo(() => table(text, separator), [text, separator]);
  const [all, setAll] = useState(false);
  const [head = [], ...rest] = rows;
  const shown = all ? rest : rest.slice(0, ROWS);
  return (
    <>
      <div
        role="group"
        aria-label="Content"
        tabIndex={0}
        className="max-h-[70vh] overflow-auto rounded border border-line"
      >
        <table className="border-collapse text-[0.9286rem] [&_td]:border [&_td]:border-line [&_td]:px-2 [&_td]:py-0.5">
          <thead className="sticky top-0 bg-sunken">
            <tr>
              {head.map((one, at) => (
                <th key={at} scope="col" className="border border-line px-2 py-0.5 text-left font-semibold">
                  {one}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, at) => (
              <tr key={at}>
                {row.map((one, column) => (
                  <td key={column} className={/^-?[\d.,]+%?$/.test(one) ? "text-right" : ""}>
                    {one}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < rest.length && (
        <div>
          <button type="button" className="btn btn-small" onClick={() => setAll(true)}>
            Show all {rest.length} rows
          </button>
        </div>
      )}
    </>
  );
}

/** A page in a frame in which nothing runs and which loads nothing; a frame cannot sign in, so it gets a link. */
function Framed({ path, at }: { path: string; at: number }) {
  const { api } = useSession();
  const link = useQuery({
    queryKey: ["frame", api, path, at],
    queryFn: () => post<{ url: string }>("/api/links", { path: `${fileApi(api, path)}?view=html` }),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  if (link.error) return <ProblemView error={link.error} />;
  if (!link.data) return <p className="text-muted">Reading…</p>;
  return (
    <>
      <iframe
        src={link.data.url}
        title={path}
        sandbox=""
        className="h-[65vh] w-full rounded border border-line bg-[#fff] [color-scheme:light]"
      />
      <p className="text-xs text-muted">Shown without scripts. Download it to run it.</p>
    </>
  );
}
