// The tab Tests: the configuration's own tests, and what they reach.

import type { TestResult, TestResults } from "../../../types";
import { h, plural, show } from "../dom";
import { isReady } from "../session";
import { state, watch } from "../store";
import { lineLink, message } from "./parts";

const EXAMPLE = `tests:
- name: the team pushes, and deletes nothing
  as: { user: ann, groups: [team] }
  allow: ["push team/app:v1"]
  deny: ["delete team/app:v1"]
- { as: anonymous, deny: ["pull team/app:v1"] }`;

export function testsView(panel: HTMLElement): void {
  watch(["tests", "checked"], () => {
    const { tests } = state;
    if (!isReady()) {
      show(panel, message("No test is run while the configuration has errors."));
    } else if (!tests) {
      show(
        panel,
        message("The configuration promises nothing about itself. Tests say what callers may do and what not; a configuration whose tests fail is refused."),
        h("pre", { tabindex: 0 }, EXAMPLE),
      );
    } else if ("error" in tests) {
      show(panel, message(tests.error, "bad"));
    } else {
      show(panel, ...content(tests.value));
    }
  });
}

function content(results: TestResults): (HTMLElement | false)[] {
  const failed = results.tests.filter((test) => test.failures.length > 0).length;
  const missing = results.coverage.filter((unit) => unit.missing !== null);
  const [covered, all] = results.covered;
  const meter = h("meter", { min: 0, max: 100, value: results.percent, "aria-label": "Coverage" });
  return [
    h(
      "p",
      { class: `summary ${failed > 0 || results.invalid.length > 0 ? "no" : "yes"}` },
      failed > 0 ? `${plural(failed, "test")} of ${results.tests.length} failed` : `${plural(results.tests.length, "test")} passed`,
      h("span", { class: "quiet" }, ` ${plural(results.requests, "request")}`),
    ),
    results.invalid.length > 0 &&
      h(
        "ul",
        { class: "findings" },
        ...results.invalid.map(({ path, message, place }) =>
          h("li", { class: "error" }, h("div", { class: "finding" }, h("span", { class: "level" }, "error"), h("span", { class: "said" }, h("code", {}, path), ` ${message}`), lineLink(place))),
        ),
      ),
    h("ul", { class: "tests" }, ...results.tests.map(item)),
    h("h3", {}, `Coverage ${results.percent} %`, h("span", { class: "quiet" }, ` ${covered} of ${all}`)),
    meter,
    missing.length > 0
      ? h(
          "ul",
          { class: "missing" },
          ...missing.map((unit) => h("li", {}, h("code", {}, unit.name), h("span", { class: "said" }, unit.missing), lineLink(unit.place))),
        )
      : h("p", { class: "quiet" }, "Each pattern was reached, each rule has granted something, and each condition and validation was true once and false once."),
  ];
}

function item(test: TestResult): HTMLElement {
  const passed = test.failures.length === 0;
  const line = [
    h("span", { class: "sign", "aria-hidden": "true" }, passed ? "✓" : "✗"),
    h("span", { class: "sr" }, passed ? "passed: " : "failed: "),
    h("span", { class: "said" }, test.name),
    lineLink(test.place),
  ];
  if (passed) {
    return h("li", { class: "test yes" }, ...line);
  }
  const failures = test.failures.map(({ what, decision }) =>
    h("details", { open: test.failures.length === 1 }, h("summary", {}, what), h("pre", { tabindex: 0 }, decision.text)),
  );
  return h("li", { class: "test no" }, h("div", { class: "head" }, ...line), ...failures);
}
