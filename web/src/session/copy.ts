import { confirmDone } from "../ui/announce";
import { limitOfCost } from "./limits";

/** Put text on the clipboard and say so. */
export function copy(text: string, said: string): void {
  void navigator.clipboard?.writeText(text).then(() => confirmDone(said));
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The same session by the command line. */
export function commandOf(
  spec: {
    initialPrompt?: string | null;
    repos?: { url: string; branch?: string | null }[] | null;
    runnerType?: string | null;
    sdkOptions?: Record<string, unknown> | null;
  },
  project: string,
): string {
  const repos = (spec.repos ?? []).map((one) => `--repo ${one.url}${one.branch ? `@${one.branch}` : ""}`);
  const agent = spec.runnerType ? [`--runner ${spec.runnerType}`] : [];
  const cost = limitOfCost(spec.sdkOptions);
  const limit = cost ? [`--max-cost ${cost}`] : [];
  return ["ambient run", quoted(spec.initialPrompt ?? ""), ...repos, ...agent, ...limit, `-p ${project}`].join(" ");
}
