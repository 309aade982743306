// Marks of the editor: what the tests have reached, and the line that was asked for.

import { RangeSet, StateEffect, StateField, type Text } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, gutter, GutterMarker } from "@codemirror/view";
import type { Unit } from "../../types";

export const setCoverage = StateEffect.define<Unit[]>();
export const setFlash = StateEffect.define<number | null>();

class Mark extends GutterMarker {
  constructor(
    readonly missing: string[],
    readonly reached: number,
  ) {
    super();
  }

  override eq(other: Mark): boolean {
    return this.reached === other.reached && this.missing.join() === other.missing.join();
  }

  override toDOM(): Node {
    const element = document.createElement("div");
    const text = this.missing.length === 0 ? "the tests reach it" : this.missing.join("; ");
    element.className = this.missing.length === 0 ? "cm-reached" : "cm-missed";
    element.title = text;
    return element;
  }
}

function marks(doc: Text, units: Unit[]): RangeSet<GutterMarker> {
  const lines = new Map<number, Mark>();
  for (const unit of units) {
    if (unit.place && unit.place.line <= doc.lines) {
      const known = lines.get(unit.place.line) ?? new Mark([], 0);
      const missing = unit.missing === null ? known.missing : [...known.missing, `${unit.name}: ${unit.missing}`];
      lines.set(unit.place.line, new Mark(missing, known.reached + 1));
    }
  }
  const ranges = [...lines].map(([line, mark]) => mark.range(doc.line(line).from));
  return RangeSet.of(ranges, true);
}

const covered = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update(value, transaction) {
    let next = value.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (effect.is(setCoverage)) {
        next = marks(transaction.newDoc, effect.value);
      }
    }
    return next;
  },
});

/** A gutter that shows coverage. */
export function coverage() {
  return [covered, gutter({ class: "cm-coverage", markers: (view) => view.state.field(covered) })];
}

const line = Decoration.line({ class: "cm-flash" });

const flashed = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(value, transaction) {
    let next = transaction.docChanged ? Decoration.none : value;
    for (const effect of transaction.effects) {
      if (effect.is(setFlash)) {
        const at = effect.value;
        next = at === null ? Decoration.none : Decoration.set(line.range(transaction.newDoc.lineAt(at).from));
      }
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** The line that was asked for. */
export function flash() {
  return flashed;
}
