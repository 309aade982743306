// What is wrong with the configuration.

import type { Checked, Finding } from "../../../types";
import { h, plural, show } from "../dom";
import { state, watch } from "../store";
import { go } from "./parts";

export function problemList(checked: Checked): HTMLElement {
  const more = checked.leftOut > 0 && h("li", { class: "quiet" }, `${checked.leftOut} more`);
  return h("ul", { class: "findings" }, ...checked.findings.map(item), more);
}

function item(finding: Finding): HTMLElement {
  const { place } = finding;
  const where = place ? `line ${place.line}` : "";
  const inner = [
    h("span", { class: "level" }, finding.level),
    h("span", { class: "said" }, finding.path ? h("code", {}, finding.path) : null, finding.path ? " " : null, finding.message),
    h("span", { class: "where" }, where),
  ];
  return h(
    "li",
    { class: finding.level },
    place
      ? h("button", { type: "button", class: "finding", click: () => go.to(place) }, ...inner)
      : h("div", { class: "finding" }, ...inner),
  );
}

/** The list below the editor, and the line above it. */
export function problemsView(list: HTMLElement, line: HTMLElement): void {
  watch(["checked", "tests"], () => {
    const { checked, tests } = state;
    if (!checked) {
      line.textContent = "";
      return;
    }
    if ("error" in checked) {
      line.className = "state bad";
      line.textContent = checked.error;
      show(list);
      list.hidden = true;
      return;
    }
    const { value } = checked;
    const errors = value.findings.filter((finding) => finding.level === "error").length;
    const warnings = value.findings.length - errors;
    const failed = tests && "value" in tests ? tests.value.tests.filter((test) => test.failures.length > 0).length : 0;
    line.className = `state ${errors + failed > 0 ? "bad" : "good"}`;
    line.textContent = !value.ready
      ? plural(Math.max(errors, 1), "error")
      : [
          plural(value.patterns, "pattern"),
          plural(value.policies, "policy", "policies"),
          ...(value.tests > 0 ? [failed > 0 ? plural(failed, "failing test") : plural(value.tests, "test")] : []),
          ...(warnings > 0 ? [plural(warnings, "warning")] : []),
        ].join(" · ");
    list.hidden = value.findings.length === 0;
    show(list, problemList(value));
  });
}
