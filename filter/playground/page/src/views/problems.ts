// What is wrong with the configuration, as `registry-auth check` says it.

import type { Checked, Finding, Findings } from "../../../types";
import { h, plural, show } from "../dom";
import { type Checking, type Result, state, watch } from "../store";
import { go } from "./parts";

function item(finding: Finding): HTMLElement {
  const { id, level, link, message, path, place, write } = finding;
  const inner = [
    h("span", { class: "level" }, level),
    h(
      "span",
      { class: "said" },
      h("span", {}, message),
      path !== "" && h("code", { class: "at" }, path),
      write !== null && h("span", { class: "write" }, "write: ", h("code", {}, write)),
    ),
    h("span", { class: "where" }, place ? `line ${place.line}` : ""),
  ];
  return h(
    "li",
    { class: level },
    place
      ? h("button", { type: "button", class: "finding", click: () => go.to(place) }, ...inner)
      : h("div", { class: "finding" }, ...inner),
    h("a", { class: "id", href: link, target: "_blank", rel: "noopener noreferrer", "aria-label": `${id}: read about it` }, id),
  );
}

export function problemList({ findings, leftOut }: Findings): HTMLElement {
  const more = leftOut > 0 && h("li", { class: "more quiet" }, `${leftOut} more`);
  return h("ul", { class: "findings" }, ...findings.map(item), more);
}

/** What there is of a kind, if there is some. */
function some(count: number, one: string): string[] {
  return count > 0 ? [plural(count, one)] : [];
}

/** What is said while findings are not known. */
function unknown(checking: Checking): string[] {
  return checking === "done" ? [] : [checking === "running" ? "checking…" : `not checked: ${checking.error}`];
}

/** What the configuration has, and what is wrong with it, in a line; and whether that is bad. */
function summary(checked: Checked, { findings }: Findings, checking: Checking): [string, boolean] {
  const count = (level: string): number => findings.filter((finding) => finding.level === level).length;
  const dangers = some(count("danger"), "danger");
  const found = [...dangers, ...some(count("warning"), "warning")];
  if (!checked.ready) {
    return [[plural(Math.max(count("error"), 1), "error"), ...found].join(" · "), true];
  }
  const { tests } = state;
  const failed = tests && "value" in tests ? tests.value.tests.filter((test) => test.failures.length > 0).length : 0;
  const promises = failed > 0 ? [plural(failed, "failing test")] : some(checked.tests, "test");
  const parts = [plural(checked.patterns, "pattern"), plural(checked.policies, "policy", "policies"), ...promises, ...found, ...unknown(checking)];
  return [parts.join(" · "), failed + dangers.length > 0 || typeof checking === "object"];
}

/** The list below the editor, and the line above it. */
export function problemsView(place: HTMLElement, line: HTMLElement): void {
  const broken = (checked: Result<Checked>): checked is { error: string } => checked !== null && "error" in checked;
  watch(["checked", "findings", "checking", "tests"], () => {
    const { checked, findings, checking } = state;
    if (!checked || broken(checked)) {
      line.className = "state bad";
      line.textContent = checked?.error ?? "";
      place.hidden = true;
      show(place);
      return;
    }
    const [text, isBad] = summary(checked.value, findings, checking);
    line.className = `state ${isBad ? "bad" : "good"}`;
    line.textContent = text;
    place.hidden = findings.findings.length === 0;
    show(place, problemList(findings));
  });
}
