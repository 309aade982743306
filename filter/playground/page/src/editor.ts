// The editor of a configuration, in a shadow root: there its styles are constructed sheets, which the
// Content-Security-Policy of the page allows.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorSelection, EditorState, type Text } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import type { Finding, Place, Unit } from "../../types";
import { expressions } from "./cel";
import { completions } from "./completion";
import { hangingIndent } from "./indent";
import { coverage, flash, setCoverage, setFlash } from "./marks";
import { colours, theme } from "./editor-theme";
import type { Format } from "./store";

/** The longest text that the editor takes, in characters: longer ones are cut. The engine reads no longer ones. */
export const MAX_TEXT = 1 << 20;

const language = (format: Format) => (format === "json" ? json() : yaml());

export class Editor {
  readonly view: EditorView;
  private readonly languages = new Compartment();
  private format: Format;

  constructor(parent: HTMLElement, label: string, format: Format, changed: (text: string, wasCut: boolean) => void) {
    this.format = format;
    const root = parent.attachShadow({ mode: "open" });
    const place = document.createElement("div");
    root.append(place);
    let wasCut = false;
    const limit = EditorState.transactionFilter.of((transaction) => {
      const length = transaction.newDoc.length;
      wasCut = transaction.docChanged && length > MAX_TEXT;
      return wasCut ? [transaction, { changes: { from: MAX_TEXT, to: length }, sequential: true }] : transaction;
    });
    this.view = new EditorView({
      parent: place,
      root,
      state: EditorState.create({
        extensions: [
          limit,
          // Before a long text becomes a document, which takes a browser seconds.
          EditorView.clipboardInputFilter.of((text) => (text.length > MAX_TEXT ? text.slice(0, MAX_TEXT + 1) : text)),
          lineNumbers(),
          coverage(),
          lintGutter(),
          foldGutter(),
          highlightSpecialChars(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ override: [completions(() => this.format)] }),
          highlightActiveLine(),
          highlightActiveLineGutter(),
          highlightSelectionMatches(),
          flash(),
          // Tab leaves the editor, so that the keyboard alone is enough.
          keymap.of([
            ...closeBracketsKeymap,
            ...defaultKeymap,
            ...searchKeymap,
            ...historyKeymap,
            ...foldKeymap,
            ...completionKeymap,
          ]),
          syntaxHighlighting(colours),
          theme,
          expressions(),
          this.languages.of(language(format)),
          EditorView.lineWrapping,
          hangingIndent(),
          EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) {
              changed(update.state.doc.toString(), wasCut);
            }
          }),
        ],
      }),
    });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  /** Shows another text. */
  setText(text: string, format: Format): void {
    this.setFormat(format);
    const { doc } = this.view.state;
    this.view.dispatch({
      changes: { from: 0, to: doc.length, insert: text },
      selection: EditorSelection.cursor(0),
      scrollIntoView: true,
    });
  }

  setFormat(format: Format): void {
    if (format !== this.format) {
      this.format = format;
      this.view.dispatch({ effects: this.languages.reconfigure(language(format)) });
    }
  }

  /** Marks what is wrong. */
  setFindings(findings: Finding[]): void {
    const { doc } = this.view.state;
    const diagnostics = findings.map((finding): Diagnostic => {
      const range = finding.place ? rangeOf(doc, finding.place) : { from: 0, to: Math.min(1, doc.length) };
      const severity = finding.level === "warning" ? "warning" : "error";
      const advice = finding.write === null ? "" : `\nwrite: ${finding.write}`;
      return { ...range, severity, source: `${finding.level}[${finding.id}]`, message: finding.message + advice };
    });
    this.view.dispatch(setDiagnostics(this.view.state, diagnostics));
  }

  /** Marks what the tests have reached, and what not. */
  setCoverage(units: Unit[]): void {
    this.view.dispatch({ effects: setCoverage.of(units) });
  }

  /** Goes to a place, and shows where it is. */
  show(place: Place, focus: boolean): void {
    const range = rangeOf(this.view.state.doc, place);
    this.view.dispatch({
      selection: EditorSelection.single(range.from, range.to),
      effects: [EditorView.scrollIntoView(range.from, { y: "center" }), setFlash.of(range.from)],
    });
    if (focus) {
      this.view.focus();
    }
  }
}

/** A place as positions of the editor, which counts units of UTF-16 where places count characters. */
export function rangeOf(doc: Text, place: Place): { from: number; to: number } {
  const from = position(doc, place.line, place.column);
  const to = position(doc, place.endLine, place.endColumn);
  return { from, to: Math.max(from, to) };
}

function position(doc: Text, line: number, column: number): number {
  const { from, text } = doc.line(Math.min(Math.max(line, 1), doc.lines));
  let offset = 0;
  for (const character of text) {
    if (column <= 1) {
      break;
    }
    offset += character.length;
    column -= 1;
  }
  return from + offset;
}
