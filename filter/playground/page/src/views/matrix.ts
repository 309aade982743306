// The tab Matrix: callers times repositories times actions.

import type { Cell, Decision, Matrix } from "../../../types";
import { h, plural, show } from "../dom";
import { ask, decide, refreshTab } from "../session";
import { now, set, state, watch } from "../store";
import { lineLink, message } from "./parts";

const ACTIONS = ["read", "create", "update", "delete"] as const;
const MEANING: Record<Cell, string> = {
  yes: "yes",
  no: "no",
  holds: "yes, by a rule with a condition",
  fails: "no, a condition does not hold",
  unknown: "not known",
};

/** What the colours mean. */
const SHADES: [Cell, string][] = [
  ["yes", "yes"],
  ["holds", "yes, by a condition"],
  ["fails", "a condition says no"],
];

export function matrixView(panel: HTMLElement, open: () => void): void {
  const filter = (label: string, key: "callers" | "repositories", placeholder: string): HTMLElement => {
    const input = h("input", { type: "search", placeholder, spellcheck: "false", autocomplete: "off" });
    input.addEventListener("input", () => {
      set({ filter: { ...state.filter, [key]: input.value } });
      void refreshTab();
    });
    return h("label", { class: "field" }, h("span", {}, label), input);
  };
  const table = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Who may do what" });
  const legend = h("p", { class: "legend quiet" });
  const detail = h("div", { class: "detail", "aria-live": "polite" });
  panel.append(
    h("div", { class: "grid" }, filter("Callers", "callers", "a part of a name"), filter("Repositories", "repositories", "a part of a name, or a whole one")),
    legend,
    table,
    detail,
  );
  watch(["matrix"], () => {
    const { matrix } = state;
    show(detail);
    legend.textContent = "";
    if (!matrix) {
      show(table);
    } else if ("error" in matrix) {
      show(table, message(matrix.error, "bad"));
    } else {
      const [callers, repositories] = matrix.value.leftOut;
      const left = [callers > 0 && plural(callers, "caller"), repositories > 0 && plural(repositories, "repository", "repositories")];
      const more = left.filter(Boolean).join(" and ");
      legend.append(
        ...ACTIONS.flatMap((action) => [h("b", {}, action.charAt(0).toUpperCase()), ` ${action}  `]),
        ...SHADES.map(([shade, text]) => h("span", { class: "shade" }, h("span", { class: `mark ${shade}`, "aria-hidden": "true" }), ` ${text}`)),
        more ? `· ${more} left out: filter to see them` : "· choose a cell to see why",
      );
      show(table, grid(matrix.value, (row, column) => void explain(matrix.value, row, column, detail, open)));
    }
  });
}

function grid(matrix: Matrix, choose: (row: number, column: number) => void): HTMLElement {
  if (matrix.callers.length === 0 || matrix.repositories.length === 0) {
    return message("Nothing has these names.");
  }
  const head = h("tr", {}, h("th", { scope: "col" }, "Caller"), ...matrix.repositories.map((name) => h("th", { scope: "col" }, name)));
  const rows = matrix.callers.map((caller, row) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", class: caller.kind, title: caller.label }, caller.label),
      ...(matrix.cells[row] ?? []).map((cells, column) => {
        const said = ACTIONS.map((action, index) => `${action} ${MEANING[cells[index] ?? "unknown"]}`).join(", ");
        const marks = ACTIONS.map((action, index) =>
          h("span", { class: `mark ${cells[index]}`, "data-letter": action.charAt(0).toUpperCase() }),
        );
        const label = `${caller.label}, ${matrix.repositories[column]}: ${said}`;
        return h(
          "td",
          {},
          h(
            "button",
            {
              type: "button",
              class: "cell",
              "aria-label": label,
              title: said,
              tabindex: row === 0 && column === 0 ? 0 : -1,
              "data-at": `${row},${column}`,
              click: () => choose(row, column),
            },
            ...marks,
          ),
        );
      }),
    ),
  );
  const table = h("table", { class: "matrix" }, h("thead", {}, head), h("tbody", {}, ...rows));
  table.addEventListener("keydown", (event) => move(table, event));
  return table;
}

/** The arrows move between cells, of which one is in the order of Tab. */
function move(table: HTMLElement, event: KeyboardEvent): void {
  const steps: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const step = steps[event.key];
  const from = event.target instanceof HTMLElement ? event.target.dataset["at"] : undefined;
  if (!step || !from) {
    return;
  }
  const [row = 0, column = 0] = from.split(",").map(Number);
  const next = table.querySelector<HTMLElement>(`[data-at="${row + step[0]},${column + step[1]}"]`);
  if (next) {
    event.preventDefault();
    (event.target as HTMLElement).tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

async function explain(matrix: Matrix, row: number, column: number, detail: HTMLElement, open: () => void): Promise<void> {
  const caller = matrix.callers[row];
  const repository = matrix.repositories[column];
  if (!caller || repository === undefined) {
    return;
  }
  const lines: HTMLElement[] = [];
  for (const action of ACTIONS) {
    const words = `${action === "read" ? "GET" : action === "delete" ? "DELETE" : "PUT"} /v2/${repository}/manifests/v1`;
    const tagExists = action === "update" ? true : action === "create" ? false : null;
    const result = await ask("decide", { who: caller.who, words, tagExists, now: now() });
    if (!result) {
      return;
    }
    const granted = "value" in result && result.value.verdict === "allowed";
    const said = "value" in result ? why(result.value, action, granted) : { text: result.error, place: null };
    const use = (): void => {
      set({ who: caller.who, words, tagExists });
      open();
      void decide();
    };
    lines.push(
      h(
        "li",
        { class: granted ? "yes" : "no" },
        h("span", { class: "sign", "aria-hidden": "true" }, granted ? "✓" : "✗"),
        h("b", {}, action),
        h("span", { class: "said" }, said.text),
        lineLink(said.place),
        h("button", { type: "button", class: "line", click: use, "aria-label": `All steps: ${action}` }, "all steps"),
      ),
    );
  }
  show(detail, h("h3", {}, `${caller.label} in ${repository}`), h("ul", { class: "why" }, ...lines));
}

/** The step that decides. */
function why(decision: Decision, action: string, granted: boolean) {
  const all = decision.requests[decision.deciding]?.steps ?? [];
  // A push is checked as `create` and as `update`: only one of them is asked for.
  const first = all.findIndex((step) => step.kind === "check" && step.title.startsWith(`${action} `));
  const rest = first < 0 ? all : all.slice(first + 1);
  const end = first < 0 || granted ? -1 : rest.findIndex((step) => step.kind === "check");
  const steps = end < 0 ? rest : rest.slice(0, end);
  const rules = granted ? steps.filter((step) => step.kind === "rule") : [];
  const step =
    rules.find((step) => step.mark === "yes") ??
    steps.find((step) => step.kind === "condition" && step.mark === "no") ??
    steps.find((step) => step.kind === "expression" && step.mark === "no") ??
    steps.find((step) => step.kind === "pattern");
  if (!step) {
    return { text: decision.headline, place: null };
  }
  const code = step.code === null ? "" : ` ${step.code}`;
  const text = step.kind === "pattern" && step.code !== null ? `no rule of${code} grants it` : `${step.title}${code}`;
  return { text: [text, ...step.notes].join(", "), place: step.place };
}
