// JSON Patch (RFC 6902), as agents send it for states and activities.

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

type Container = Record<string, unknown> | unknown[];

/** The patched copy of a value; the value itself when the patch does not fit it. */
export function patched(value: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) return value;
  try {
    return (patch as Operation[]).reduce(applied, structuredClone(value));
  } catch {
    return value; // a stray patch; the next snapshot puts it right
  }
}

function applied(root: unknown, { op, path, from, value }: Operation): unknown {
  switch (op) {
    case "add":
      return added(root, keys(path), structuredClone(value), false);
    case "replace":
      read(root, keys(path));
      return added(root, keys(path), structuredClone(value), true);
    case "remove":
      return removed(root, keys(path));
    case "move": {
      const moved = read(root, keys(from ?? ""));
      return added(removed(root, keys(from ?? "")), keys(path), moved, false);
    }
    case "copy":
      return added(root, keys(path), structuredClone(read(root, keys(from ?? ""))), false);
    case "test":
      if (JSON.stringify(read(root, keys(path))) !== JSON.stringify(value)) throw new Error("test failed");
      return root;
    default:
      throw new Error(`unknown operation ${op}`);
  }
}

function keys(path: string): string[] {
  if (path === "") return [];
  if (!path.startsWith("/")) throw new Error("a pointer begins with /");
  return path
    .slice(1)
    .split("/")
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function read(root: unknown, path: string[]): unknown {
  return path.reduce<unknown>((at, key) => {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) throw new Error(`nothing at ${key}`);
    return (at as Record<string, unknown>)[key];
  }, root);
}

function parent(root: unknown, path: string[]): [Container, string] {
  const at = read(root, path.slice(0, -1));
  const key = path.at(-1);
  if (typeof at !== "object" || at === null || key === undefined) throw new Error("nothing to change");
  if (key === "__proto__") throw new Error("not a key");
  return [at as Container, key];
}

function added(root: unknown, path: string[], value: unknown, replaces: boolean): unknown {
  if (!path.length) return value;
  const [at, key] = parent(root, path);
  if (!Array.isArray(at)) at[key] = value;
  else if (replaces) at[Number(key)] = value;
  else {
    const index = key === "-" ? at.length : Number(key);
    if (!(index >= 0 && index <= at.length)) throw new Error("beyond the end");
    at.splice(index, 0, value);
  }
  return root;
}

function removed(root: unknown, path: string[]): unknown {
  if (!path.length) return null;
  read(root, path);
  const [at, key] = parent(root, path);
  if (Array.isArray(at)) at.splice(Number(key), 1);
  else delete at[key];
  return root;
}
