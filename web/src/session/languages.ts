// Which language a fence or a file is of.

/** The languages that are drawn, each with the other words and endings for it. */
const LANGUAGES: Record<string, string> = {
  c: "h",
  cpp: "c++ cc cxx hpp hh",
  csharp: "c# cs",
  css: "",
  diff: "patch",
  docker: "dockerfile containerfile",
  go: "golang",
  hcl: "tf terraform",
  html: "htm",
  ini: "cfg conf properties editorconfig",
  java: "",
  javascript: "js mjs cjs node",
  json: "jsonl ipynb webmanifest",
  jsonc: "json5",
  kotlin: "kt kts",
  lua: "",
  make: "makefile mk",
  markdown: "md",
  php: "",
  proto: "protobuf",
  python: "py pyi python3",
  ruby: "rb gemfile rakefile",
  rust: "rs",
  scss: "",
  shellscript: "sh bash zsh shell ksh bashrc profile",
  sql: "",
  swift: "",
  toml: "",
  tsx: "jsx",
  typescript: "ts mts cts",
  xml: "svg xsd xsl pom plist",
  yaml: "yml",
};

const NAMES = new Map<string, string>();
for (const [language, others] of Object.entries(LANGUAGES)) {
  for (const name of [language, ...others.split(" ")]) if (name) NAMES.set(name, language);
}

/** The language of a fence's word, of a file's name or of its path; undefined for what is not known. */
export function languageOf(name: string): string | undefined {
  const file = name.slice(name.lastIndexOf("/") + 1).toLowerCase();
  return NAMES.get(file) ?? NAMES.get(file.slice(file.lastIndexOf(".") + 1)) ?? NAMES.get(file.split(".")[0] ?? "");
}

export const languages = (): string[] => Object.keys(LANGUAGES);
