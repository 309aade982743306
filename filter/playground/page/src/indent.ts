// What does not fit into a line goes on below where the line begins, and not at the margin.

import { type Range, RangeSet } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";

/** The deepest indentation that is followed, in characters: a phone has not many more. */
const DEEPEST = 16;

const lines = Array.from({ length: DEEPEST + 1 }, (_, depth) => Decoration.line({ class: `cm-deep-${depth}` }));

/** Classes instead of styles, which the Content-Security-Policy of the page does not allow. */
const theme = EditorView.theme(
  Object.fromEntries(
    lines.map((_, depth) => [`.cm-line.cm-deep-${depth}`, { paddingLeft: `calc(${depth + 2}ch + 6px)`, textIndent: `-${depth + 2}ch` }]),
  ),
);

function marks(view: EditorView): DecorationSet {
  const found: Range<Decoration>[] = [];
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = view.state.doc.lineAt(at);
      const depth = /^ *(?:- )*/.exec(line.text)?.[0].length ?? 0;
      const mark = lines[Math.min(depth, DEEPEST)];
      if (mark) {
        found.push(mark.range(line.from));
      }
      at = line.to + 1;
    }
  }
  return RangeSet.of(found, true);
}

export function hangingIndent() {
  const plugin = ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;

      constructor(view: EditorView) {
        this.decorations = marks(view);
      }

      update(update: ViewUpdate): void {
        if (update.docChanged || update.viewportChanged) {
          this.decorations = marks(update.view);
        }
      }
    },
    { decorations: (plugin) => plugin.decorations },
  );
  return [plugin, theme];
}
