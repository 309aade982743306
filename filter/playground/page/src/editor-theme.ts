// Colours of the editor: variables of the page, which are other ones in the dark.

import { HighlightStyle } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--code-key)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.lineComment, tags.comment], color: "var(--code-comment)" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--code-sign)" },
]);

export const theme = EditorView.theme({
  "&": { height: "100%", color: "var(--text)", backgroundColor: "var(--paper)", fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", overflow: "auto" },
  ".cm-content": { caretColor: "var(--text)", padding: "8px 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "var(--paper)", color: "var(--faint)", border: "none", paddingLeft: "4px" },
  ".cm-activeLine": { backgroundColor: "var(--line-active)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-selectionMatch": { backgroundColor: "var(--match)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--match)", outline: "none" },
  ".cm-coverage": { width: "6px" },
  ".cm-coverage .cm-gutterElement > div": { width: "4px", height: "100%", borderRadius: "2px" },
  ".cm-reached": { backgroundColor: "var(--yes)" },
  ".cm-missed": { backgroundColor: "var(--warn)" },
  ".cm-flash": { backgroundColor: "var(--flash)" },
  ".cm-gutter-lint": { width: "14px" },
  ".cm-lint-marker": { width: "10px", height: "10px", content: "none", borderRadius: "50%", marginTop: "5px" },
  ".cm-lint-marker-error": { backgroundColor: "var(--no)", content: "none" },
  ".cm-lint-marker-warning": { backgroundColor: "var(--warn)", content: "none" },
  ".cm-lintRange": { backgroundImage: "none", textDecoration: "underline wavy 1px", textUnderlineOffset: "3px" },
  ".cm-lintRange-error": { textDecorationColor: "var(--no)" },
  ".cm-lintRange-warning": { textDecorationColor: "var(--warn)" },
  ".cm-lintPoint:after": { display: "none" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    color: "var(--text)",
    border: "1px solid var(--border)",
    borderRadius: "6px",
    boxShadow: "0 4px 16px rgb(0 0 0 / 18%)",
    fontFamily: "var(--sans)",
    maxWidth: "min(34rem, 90vw)",
  },
  ".cm-tooltip-autocomplete > ul > li": { fontFamily: "var(--mono)", padding: "2px 8px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "var(--quiet)", fontStyle: "normal", fontFamily: "var(--sans)" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "600" },
  ".cm-completionInfo": { padding: "8px 10px", maxWidth: "22rem" },
  ".cm-diagnostic": { borderLeft: "3px solid var(--no)", padding: "6px 10px", whiteSpace: "pre-wrap" },
  ".cm-diagnosticSource": { color: "var(--quiet)", opacity: "1", fontSize: "12px", fontFamily: "var(--mono)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warn)" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)", fontFamily: "var(--sans)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--line-active)", border: "none", color: "var(--quiet)" },
  ".cel": { fontStyle: "normal" },
  ".cel-string": { color: "var(--code-string)" },
  ".cel-number, .cel-word": { color: "var(--code-number)" },
  ".cel-root": { color: "var(--cel-root)", fontWeight: "600" },
  ".cel-call": { color: "var(--cel-call)" },
  ".cel-sign": { color: "var(--code-sign)" },
});
