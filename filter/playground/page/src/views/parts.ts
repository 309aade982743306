// Parts that several views show.

import type { Decision, Place, Step } from "../../../types";
import { h } from "../dom";
import { rove } from "../rove";

/** Goes to a place of the configuration; set by the page. */
export const go: { to: (place: Place) => void } = { to: () => undefined };

/** A button that goes to a line of the configuration. */
export function lineLink(place: Place | null): HTMLElement | null {
  if (!place) {
    return null;
  }
  const label = `line ${place.line}`;
  return h("button", { type: "button", class: "line", title: "Show it in the configuration", click: () => go.to(place) }, label);
}

const SIGNS = { yes: "✓", no: "✗", skip: "–", info: "•" };
const SAID = { yes: "yes", no: "no", skip: "does not apply", info: "" };

/** A step of a decision. */
export function stepItem(step: Step): HTMLElement {
  return h(
    "li",
    { class: `step ${step.mark} ${step.kind}` },
    h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[step.mark]),
    h(
      "div",
      { class: "said" },
      SAID[step.mark] && h("span", { class: "sr" }, `${SAID[step.mark]}: `),
      h("span", { class: "title" }, step.title),
      step.code !== null && h("code", {}, step.code),
      ...step.notes.map((note) => h("span", { class: "note" }, note)),
    ),
    lineLink(step.place),
  );
}

const SECTIONS: [string, Step["kind"][]][] = [
  ["Who it is", ["token", "expression", "provider", "caller"]],
  ["What the rules say", ["check", "claim", "pattern", "hidden", "condition", "rule", "tag"]],
];

/** The steps of a decision in their sections. */
export function stepList(steps: Step[]): HTMLElement {
  const sections = SECTIONS.map(([title, kinds]) => {
    const items = steps.filter((step) => kinds.includes(step.kind));
    return items.length > 0 && h("section", {}, h("h4", {}, title), h("ol", { class: "steps" }, ...items.map(stepItem)));
  });
  const list = h("div", { class: "trace" }, ...sections);
  rove(list, "button.line");
  return list;
}

/** A text in which names are written as in Markdown: `so`. */
export function withCode(text: string): (HTMLElement | string)[] {
  return text.split("`").map((part, index) => (index % 2 === 1 ? h("code", {}, part) : part));
}

export function message(text: string, kind = "quiet"): HTMLElement {
  return h("p", { class: `message ${kind}` }, text);
}

export const VERDICTS: Record<Decision["verdict"], { sign: string; word: string }> = {
  allowed: { sign: "✓", word: "Allowed" },
  refused: { sign: "✗", word: "Refused" },
  unknown: { sign: "?", word: "Not known" },
};

/** A body as it is read best. */
export function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
