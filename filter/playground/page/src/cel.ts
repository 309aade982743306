// Colours of CEL inside the strings that are expressions.

import { syntaxTree } from "@codemirror/language";
import { Prec, RangeSetBuilder } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";

/** Members whose text is CEL. `username` and `groups` are so below `claimMapping` only, where they are a string. */
const MEMBERS = new Set(["expression", "username", "groups"]);

const TOKENS =
  /(?<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<number>\b\d+(?:\.\d+)?u?\b)|(?<word>\b(?:true|false|null|in)\b)|(?<root>\b(?:claims|vars|req)\b)|(?<call>\b[A-Za-z_]\w*(?=\())|(?<sign>&&|\|\||[!=<>]=?|[?:+\-*/%])/g;

const STYLES = {
  string: Decoration.mark({ class: "cel-string" }),
  number: Decoration.mark({ class: "cel-number" }),
  word: Decoration.mark({ class: "cel-word" }),
  root: Decoration.mark({ class: "cel-root" }),
  call: Decoration.mark({ class: "cel-call" }),
  sign: Decoration.mark({ class: "cel-sign" }),
};
const whole = Decoration.mark({ class: "cel" });

function decorations(view: EditorView): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  const { doc } = view.state;
  for (const { from, to } of view.visibleRanges) {
    syntaxTree(view.state).iterate({
      from,
      to,
      enter(node) {
        if (node.name !== "Pair" && node.name !== "Property") {
          return;
        }
        const key = node.node.firstChild;
        const value = node.node.lastChild;
        if (!key || !value || key.from === value.from) {
          return;
        }
        const name = doc.sliceString(key.from, Math.min(key.to, key.from + 24)).replace(/["'\s:]/g, "");
        const text = doc.sliceString(value.from, Math.min(value.to, value.from + 4096));
        if (!MEMBERS.has(name) || /^[[{]/.test(text) || text.includes("\n")) {
          return;
        }
        const start = /^["']/.test(text) ? 1 : 0;
        const inner = text.slice(start, start ? -1 : undefined);
        if (inner.length === 0) {
          return;
        }
        builder.add(value.from + start, value.from + start + inner.length, whole);
        for (const match of inner.matchAll(TOKENS)) {
          const kind = Object.entries(match.groups ?? {}).find(([, found]) => found !== undefined)?.[0];
          const at = value.from + start + match.index;
          if (kind) {
            builder.add(at, at + match[0].length, STYLES[kind as keyof typeof STYLES]);
          }
        }
      },
    });
  }
  return builder.finish();
}

/** Marks expressions. */
export function expressions() {
  const plugin = ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;
      private tree: unknown;
      constructor(view: EditorView) {
        this.tree = syntaxTree(view.state);
        this.decorations = decorations(view);
      }
      update(update: ViewUpdate): void {
        const tree = syntaxTree(update.state);
        if (update.docChanged || update.viewportChanged || tree !== this.tree) {
          this.tree = tree;
          this.decorations = decorations(update.view);
        }
      }
    },
    { decorations: (plugin) => plugin.decorations },
  );
  // Inside the colours of YAML and JSON, which would win otherwise.
  return Prec.highest(plugin);
}
