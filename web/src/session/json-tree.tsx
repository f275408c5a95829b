// A value that nobody knows the meaning of, as a tree.

export function JsonTree({ value, name, depth = 0 }: { value: unknown; name?: string; depth?: number }) {
  const label = name === undefined ? null : <span className="text-muted">{name}: </span>;
  if (typeof value !== "object" || value === null) {
    return (
      <div className="font-mono text-[0.9286rem]">
        {label}
        {JSON.stringify(value)}
      </div>
    );
  }
  const entries = Object.entries(value);
  const kind = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  return (
    <details open={depth < 1} className="font-mono text-[0.9286rem]">
      <summary className="flex min-h-7 items-center gap-1">
        ▸ {label}
        <span className="text-muted">{kind}</span>
      </summary>
      <div className="pl-4">
        {entries.map(([key, inner]) => (
          <JsonTree key={key} name={key} value={inner} depth={depth + 1} />
        ))}
      </div>
    </details>
  );
}
