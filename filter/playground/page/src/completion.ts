// Completion of configuration keys, with their documentation from docs/configuration.md.

import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { Text } from "@codemirror/state";
import { KEYS, type Key } from "./keys";
import type { Format } from "./store";

/** A path with `[]` for an item of a list, such as `http.auth.bearer.oidc[]`. */
export type Path = string[];

const ACTIONS = ["read", "create", "update", "delete"];

export function completions(format: () => Format) {
  return (context: CompletionContext): CompletionResult | null => {
    const word = context.matchBefore(/[\w$]*/);
    if (!word || (word.from === word.to && !context.explicit)) {
      return null;
    }
    const path = pathAt(context.state.doc, word.from, format());
    const last = path.at(-1) ?? "";
    if (["actions", "defaultPolicy", "anonymousPolicy"].includes(path.filter((part) => part !== "[]").at(-1) ?? "")) {
      return { from: word.from, options: ACTIONS.map((label) => ({ label, type: "enum" })) };
    }
    const keys = KEYS[known(path)];
    if (!keys || last === "") {
      return null;
    }
    return { from: word.from, options: keys.map((key) => option(key, format())), validFor: /^\w*$/ };
  };
}

function option(key: Key, format: Format): Completion {
  const name = format === "json" ? `"${key.name}"` : key.name;
  return {
    label: key.name,
    detail: key.type,
    type: "property",
    apply: `${name}: `,
    info: () => {
      const box = document.createElement("div");
      box.append(key.meaning);
      if (key.fallback) {
        const line = document.createElement("p");
        line.append(key.fallback === "required" ? "Required." : `Default: ${key.fallback}`);
        box.append(line);
      }
      if (key.example) {
        const code = document.createElement("code");
        code.append(key.example);
        box.append(code);
      }
      return box;
    },
  };
}

/** The section of the page for a path: names that operators choose are `PATTERN` and `NAME` there. */
export function known(path: Path): string {
  const names = [...path];
  const chosen: Record<string, string> = { repositories: "PATTERN", groups: "NAME" };
  names.forEach((name, index) => {
    const parent = names[index - 1] ?? "";
    if (names[index - 2] === "accessControl" && chosen[parent] && name !== "[]") {
      names[index] = chosen[parent];
    }
  });
  return names.slice(1).join(".").replaceAll(".[]", "[]");
}

/** The path of the object at a position; the first part stands for the document. */
export function pathAt(doc: Text, position: number, format: Format): Path {
  const root = ["document"];
  if (format === "json") {
    return [...root, ...inBrackets(doc.sliceString(0, position))];
  }
  const line = doc.lineAt(position);
  const before = doc.sliceString(line.from, position);
  const path: Path = [];
  let indent = contentIndent(before);
  // The lines above with less indentation have the names around this one.
  for (let number = line.number - 1; number > 0 && indent > 0; number -= 1) {
    const { text } = doc.line(number);
    if (/^\s*(#|$)/.test(text)) {
      continue;
    }
    const here = /^\s*/.exec(text)?.[0].length ?? 0;
    const match = /^\s*(?:(- +)+)?("[^"]*"|'[^']*'|[^\s:#{[]+)\s*:(?:\s|$)/.exec(text);
    const content = contentIndent(text);
    if (match && content < indent) {
      path.unshift(unquoted(match[2] ?? ""));
      indent = content;
      if (here < content) {
        path.unshift("[]");
        indent = here + 1;
      }
    } else if (here < indent && content >= indent && text.trimStart().startsWith("-")) {
      path.unshift("[]");
      indent = here + 1;
    }
  }
  const dashed = /^\s*- /.test(before) ? ["[]"] : [];
  return [...root, ...path, ...dashed, ...inBrackets(before.replace(/^\s*(- +)*/, ""))];
}

/** Where the content of a line begins, behind the dashes of lists. */
function contentIndent(text: string): number {
  return /^\s*(- +)*/.exec(text)?.[0].length ?? 0;
}

/** The names of the objects and lists that are open at the end of a text. */
function inBrackets(text: string): Path {
  const open: Path[] = [];
  let name = "";
  let pending: string | null = null;
  for (const token of text.matchAll(/"(?:[^"\\]|\\.)*"?|'[^']*'?|[{}[\],:]|[^\s{}[\],:"']+/g)) {
    const [part] = token;
    if (part === "{" || part === "[") {
      const isItem = open.at(-1)?.[0] === "[";
      open.push([part, isItem ? "[]" : (pending ?? "")]);
      pending = null;
    } else if (part === "}" || part === "]") {
      open.pop();
      pending = null;
    } else if (part === ":") {
      pending = name;
    } else if (part === ",") {
      pending = null;
    } else {
      name = unquoted(part);
    }
  }
  return open.flatMap(([bracket, name], index) => {
    const isList = bracket === "[" && index === open.length - 1;
    return [...(name ? [name] : []), ...(isList ? ["[]"] : [])];
  });
}

function unquoted(text: string): string {
  return text.replace(/^["']|["']$/g, "");
}
