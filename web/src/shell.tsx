// The frame around every page: the rail with its places, or a bar below on a phone.

import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import {
  Activity,
  CircleUser,
  Ellipsis,
  Inbox,
  KeyRound,
  List,
  type LucideIcon,
  PanelLeft,
  Plug,
  Plus,
  Settings,
  Timer,
  Users,
} from "lucide-react";

import { type ReactNode, Suspense, useEffect, useState } from "react";
import { attentionQuery, projectsQuery } from "./api/queries";
import { wordOf } from "./pages/word";
import { useProjectOrGuess } from "./shell-project";
import { Announcer } from "./ui/announce";
import { NewBuild } from "./ui/build";
import { Dialog } from "./ui/dialog";
import { useKeys } from "./ui/keys";
import { Lost } from "./ui/lost";
import { Menu } from "./ui/menu";
import { part } from "./ui/part";
import { Boundary } from "./ui/problem";

const Palette = part(async () => (await import("./ui/palette")).default);
const KeyList = part(async () => (await import("./ui/key-list")).KeyList);
const RailViews = part(async () => (await import("./pages/rail-views")).RailViews);
const NARROW = "ambient-rail";

interface Place {
  to: string;
  label: string;
  icon: LucideIcon;
  key?: string;
  /** It is not known yet where it leads. */
  waits?: boolean;
}

const placesOf = (project: string, isGuess: boolean): Place[] => {
  const base = `/projects/${encodeURIComponent(project)}`;
  const all: Place[] = [
    { to: "/", label: "Attention", icon: Inbox, key: "g a" },
    { to: `${base}/new`, label: "New session", icon: Plus, key: "c" },
    { to: `${base}/sessions`, label: "Sessions", icon: List, key: "g s" },
    { to: `${base}/schedules`, label: "Schedules", icon: Timer },
    { to: `${base}/sharing`, label: "Sharing", icon: Users },
    { to: `${base}/keys`, label: "Access keys", icon: KeyRound },
    { to: `${base}/settings`, label: "Settings", icon: Settings },
  ];
  return all.map((one) => ({ ...one, waits: isGuess && one.to !== "/" }));
};
const FOOT: Place[] = [
  { to: "/integrations", label: "Integrations", icon: Plug },
  { to: "/admin/health", label: "Health", icon: Activity, key: "g h" },
  { to: "/me", label: "Me", icon: CircleUser },
];

/** Opens a place: one that waits as soon as it is known where it leads, unless another page was opened meanwhile. */
function useOpen(places: Place[], path: string): (place: Place) => void {
  const navigate = useNavigate();
  const [wanted, setWanted] = useState("");
  const found = places.find((one) => one.label === wanted && !one.waits)?.to;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was opened last is what is wanted
  useEffect(() => setWanted(""), [path]);
  useEffect(() => {
    if (found) void navigate({ to: found });
  }, [found, navigate]);
  return ({ to, label, waits }) => {
    if (waits) setWanted(label);
    else void navigate({ to });
  };
}

export function Shell() {
  const { project, isGuess } = useProjectOrGuess();
  const [narrow, setNarrow] = useState(localStorage.getItem(NARROW) !== null);
  const [more, setMore] = useState(false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const toggle = () => {
    if (narrow) localStorage.removeItem(NARROW);
    else localStorage.setItem(NARROW, "1");
    setNarrow(!narrow);
  };
  const places = placesOf(project, isGuess);
  const open = useOpen(places, path);
  useKeys({
    "[": toggle,
    "?": () => setHelp(true),
    "Mod+k": (event) => {
      event.preventDefault();
      setPalette(!palette);
    },
    ...Object.fromEntries([...places, ...FOOT].flatMap((one) => (one.key ? [[one.key, () => open(one)]] : []))),
    F6: nextLandmark,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes the menu
  useEffect(() => setMore(false), [path]);
  return (
    <div className="flex h-dvh flex-col sm:flex-row">
      <button
        type="button"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded focus:bg-surface focus:p-2"
        onClick={() => document.getElementById("main")?.focus()}
      >
        To the content
      </button>
      <nav
        aria-label="Places"
        className={`hidden shrink-0 flex-col border-r border-line bg-sunken p-2 sm:flex ${narrow ? "w-14" : "w-52"}`}
      >
        <div className="mb-2 flex items-center gap-1">
          {!narrow && <ProjectSwitcher project={isGuess ? "" : project} />}
          <button
            type="button"
            className="btn btn-quiet btn-icon ml-auto"
            aria-label={narrow ? "Widen the rail" : "Narrow the rail"}
            title={`${narrow ? "Widen" : "Narrow"} the rail  [`}
            onClick={toggle}
          >
            <PanelLeft size={16} aria-hidden />
          </button>
        </div>
        <ul className="flex flex-col gap-0.5">
          {places.map((one) => (
            <RailItem key={one.to} place={one} narrow={narrow} open={open}>
              {one.label === "Sessions" && !narrow && !isGuess && (
                <Suspense>
                  <RailViews project={project} />
                </Suspense>
              )}
            </RailItem>
          ))}
        </ul>
        <ul className="mt-auto flex flex-col gap-0.5 border-t border-line pt-2">
          {FOOT.map((one) => (
            <RailItem key={one.to} place={one} narrow={narrow} open={open} />
          ))}
        </ul>
      </nav>
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <NewBuild />
        <Lost />
        <main id="main" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto outline-none">
          <Boundary key={path}>
            <Outlet />
          </Boundary>
        </main>
      </div>
      <nav
        aria-label="Main places"
        className="flex shrink-0 justify-around border-t border-line bg-sunken pb-[env(safe-area-inset-bottom)] sm:hidden"
      >
        {places.slice(0, 3).map((one) => (
          <BarItem key={one.to} place={one} open={open} />
        ))}
        <button
          type="button"
          className="flex min-h-12 min-w-16 flex-col items-center justify-center text-[0.7rem] text-muted"
          onClick={() => setMore(true)}
        >
          <Ellipsis size={18} aria-hidden />
          More
        </button>
      </nav>
      <Dialog open={more} onClose={() => setMore(false)} title="More" sheet>
        <ProjectSwitcher project={isGuess ? "" : project} />
        <ul className="mt-2 flex flex-col">
          {[...places.slice(3), ...FOOT].map((one) => (
            <RailItem key={one.to} place={one} narrow={false} open={open} />
          ))}
        </ul>
      </Dialog>
      <Suspense>
        {palette && (
          <Palette
            places={[...places, ...FOOT].map((one) => ({ ...one, open: () => open(one) }))}
            onClose={() => setPalette(false)}
          />
        )}
        {help && (
          <Dialog open onClose={() => setHelp(false)} title="Keys" wide>
            <KeyList />
          </Dialog>
        )}
      </Suspense>
      <Announcer />
    </div>
  );
}

const SHORT: Record<string, string> = { "New session": "New" };

interface PlaceProps {
  place: Place;
  open: (place: Place) => void;
}

function BarItem({ place, open }: PlaceProps) {
  const { to, label, icon: Icon, waits } = place;
  return (
    <Link
      to={to}
      disabled={waits}
      onClick={() => waits && open(place)}
      activeOptions={{ exact: true }}
      className="flex min-h-12 min-w-16 flex-col items-center justify-center text-[0.7rem] text-muted no-underline aria-[current=page]:text-accent"
    >
      <Icon size={18} aria-hidden />
      {SHORT[label] ?? label}
    </Link>
  );
}

/** How many sessions need somebody. */
function useAsking(): number {
  const list = useQuery(attentionQuery);
  return (list.data?.items ?? []).filter((one) => wordOf(one) === "Needs you").length;
}

function Badge({ to }: { to: string }) {
  const asking = useAsking();
  if (to !== "/" || !asking) return null;
  return (
    <span className="rounded-full bg-amber-soft px-1.5 text-xs font-semibold text-amber">
      {asking}
      <span className="sr-only"> need you</span>
    </span>
  );
}

interface RailItemProps extends PlaceProps {
  narrow: boolean;
  children?: ReactNode;
}

function RailItem({ place, open, narrow, children }: RailItemProps) {
  const { to, label, icon: Icon, key, waits } = place;
  return (
    <li>
      <Link
        to={to}
        disabled={waits}
        onClick={() => waits && open(place)}
        activeOptions={{ exact: to === "/" }}
        title={narrow ? label : undefined}
        aria-label={narrow ? label : undefined}
        className="flex min-h-8 items-center gap-2 rounded-md px-2 text-text no-underline hover:bg-hover aria-[current=page]:bg-hover aria-[current=page]:font-semibold [@media(pointer:coarse)]:min-h-11"
      >
        <Icon size={16} aria-hidden className="shrink-0 text-muted" />
        {!narrow && <span className="flex-1 truncate">{label}</span>}
        {!narrow && <Badge to={to} />}
        {!narrow && key && (
          <kbd aria-hidden className="text-xs text-muted">
            {key}
          </kbd>
        )}
      </Link>
      {children}
    </li>
  );
}

function ProjectSwitcher({ project }: { project: string }) {
  const projects = useQuery(projectsQuery);
  const navigate = useNavigate();
  const known = projects.data?.items ?? [];
  return (
    <Menu
      label="Project"
      trigger={
        <button
          type="button"
          className="btn btn-quiet min-w-0 justify-start px-2 font-semibold"
          aria-label={`Project ${project}`.trim()}
        >
          <span className="truncate">{project || "Project"}</span> <span aria-hidden>▾</span>
        </button>
      }
      items={[
        ...known.map((one) => ({
          label: one.displayName || one.name,
          checked: one.name === project,
          onSelect: () => void navigate({ to: "/projects/$project/sessions", params: { project: one.name } }),
        })),
        null,
        { label: "All projects", onSelect: () => void navigate({ to: "/projects" }) },
      ]}
    />
  );
}

/** F6 goes round the regions of the page. */
function nextLandmark(): void {
  const all = [...document.querySelectorAll<HTMLElement>("nav, main, section[aria-label], aside")].filter(
    (one) => one.offsetParent !== null,
  );
  const at = all.findLastIndex((one) => one.contains(document.activeElement));
  const next = all[(at + 1) % all.length];
  next?.setAttribute("tabindex", "-1");
  next?.focus();
}
