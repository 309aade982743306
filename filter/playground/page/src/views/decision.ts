// The tab Decision: what each request gets, and the steps to it.

import type { Answered, Decision } from "../../../types";
import { h, show } from "../dom";
import { set, state, watch } from "../store";
import { message, pretty, stepList, withCode } from "./parts";
import { problemList } from "./problems";

const REASONS: Record<number, string> = {
  200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
  413: "Content Too Large", 429: "Too Many Requests", 503: "Service Unavailable",
};

export function decisionView(panel: HTMLElement): void {
  watch(["decision", "request", "checked"], () => {
    const { decision, checked } = state;
    if (checked && "error" in checked) {
      show(panel, message(checked.error, "bad"));
    } else if (checked && !checked.value.ready) {
      show(panel, message("The configuration has errors, so that nothing can be decided by it.", "bad"), problemList(checked.value));
    } else if (!decision) {
      show(panel, message("The engine is at work."));
    } else if ("error" in decision) {
      show(panel, message(decision.error, "bad"));
    } else {
      show(panel, ...content(decision.value));
    }
  });
}

function content(decision: Decision): (HTMLElement | false | undefined)[] {
  const chosen = state.request ?? decision.deciding;
  const answered = decision.requests[chosen];
  return [
    decision.signature === "notChecked" &&
      h("p", { class: "message warn" }, "The signature of the token was not checked: paste the keys of its issuer under Who."),
    requests(decision, chosen),
    answered && answered.status === null && forwarded(answered, decision),
    answered && answered.steps.length > 0 ? stepList(answered.steps) : undefined,
    decision.nearest.length > 0 && nearest(decision.nearest),
    answered && answered.status !== null && reply(answered, answered.status),
    h("details", { class: "text" }, h("summary", {}, "As registry-auth explain prints it"), h("pre", { tabindex: 0 }, decision.text)),
  ];
}

function requests(decision: Decision, chosen: number): HTMLElement {
  const rows = decision.requests.map((answered, index) => {
    const isLater = index > decision.deciding;
    const verdict = answered.granted ? "yes" : answered.reason === null ? "skip" : "no";
    const [method = "", ...path] = answered.request.split(" ");
    const button = h(
      "button",
      {
        type: "button",
        class: `request ${isLater ? "later" : verdict}`,
        "aria-pressed": String(index === chosen),
        "data-key": `request-${index}`,
        title: answered.request,
        click: () => set({ request: index }),
      },
      h("span", { class: "sign", "aria-hidden": "true" }, isLater ? "" : { yes: "✓", no: "✗", skip: "?" }[verdict]),
      h("span", { class: "method" }, method),
      h("span", { class: "path" }, path.join(" ").replace(/sha256:[0-9a-f]{64}/g, "sha256:…")),
      h("span", { class: "outcome" }, isLater ? "is not sent any more" : answered.granted ? "granted" : (answered.reason ?? "not known")),
    );
    return h("li", {}, button);
  });
  return h("ol", { class: "requests", "aria-label": "The requests of the client" }, ...rows);
}

/** What happens to a request that is not answered. */
function forwarded(answered: Answered, decision: Decision): HTMLElement {
  const user = decision.user ? `as ${decision.user}` : "without a user name";
  return h("p", { class: "reply" }, answered.granted ? `It goes on to the registry, ${user}: ${answered.outcome}.` : answered.outcome);
}

/** What would be allowed instead. */
function nearest(changes: string[]): HTMLElement {
  return h(
    "section",
    { class: "nearest" },
    h("h4", {}, "With what it would be allowed"),
    h("ul", {}, ...changes.map((change) => h("li", {}, ...withCode(change)))),
  );
}

/** What the client gets. */
function reply(answered: Answered, status: number): HTMLElement {
  const lines = [
    `${status} ${REASONS[status] ?? ""}`.trim(),
    ...answered.headers.map(([name, value]) => `${name}: ${value}`),
    ...(answered.body ? ["", pretty(answered.body)] : []),
  ];
  return h(
    "details",
    { class: "answer", open: true },
    h("summary", {}, "What the client gets"),
    h("pre", { tabindex: 0, "aria-label": "The answer to the client" }, lines.join("\n")),
  );
}
