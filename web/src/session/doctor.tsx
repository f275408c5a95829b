// The chain between the platform and a runner, link by link, in plain words.

export interface DoctorLink {
  name: string;
  ok: boolean | null;
  sentence: string;
  next?: string | null;
}

export function DoctorLinks({ links }: { links: DoctorLink[] }) {
  return (
    <ul className="flex flex-col gap-1">
      {links.map((one) => (
        <li key={one.name} className="flex gap-2">
          <span aria-hidden className={one.ok ? "text-green" : one.ok === false ? "text-red" : "text-muted"}>
            {one.ok ? "✓" : one.ok === false ? "✕" : "–"}
          </span>
          <span>
            <strong>{one.name}</strong>
            <span className="sr-only">{one.ok ? ": fine" : one.ok === false ? ": broken" : ": not judged"}</span>{" "}
            <span className={one.ok === null ? "text-muted" : ""}>{one.sentence}</span>
            {one.next && <span className="block text-muted">{one.next}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}
