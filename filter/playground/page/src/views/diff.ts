// The tab Diff: what the configuration gives and takes, compared with an older one.

import type { Difference, Differences } from "../../../types";
import { h, plural, show } from "../dom";
import { Editor } from "../editor";
import { decide, isReady, refreshTab } from "../session";
import { set, state, watch } from "../store";
import { lineLink, message } from "./parts";
import { nameOf } from "./who";

export function diffView(panel: HTMLElement, open: () => void): void {
  const place = h("div", { class: "editor small" });
  const answer = h("div", {});
  let quiet = false;
  let timer = 0;
  const editor = new Editor(place, "The older configuration", "yaml", (text) => {
    if (!quiet) {
      clearTimeout(timer);
      timer = window.setTimeout(() => keep(text), 200);
    }
  });
  const keep = (text: string): void => {
    const isJson = /^\s*\{/.test(text);
    editor.setFormat(isJson ? "json" : "yaml");
    set({ old: text.trim() === "" ? null : { text, format: isJson ? "json" : "yaml" }, differences: null });
    void refreshTab();
  };
  const fill = (text: string): void => {
    quiet = true;
    editor.setText(text, state.format);
    quiet = false;
    keep(text);
  };
  const file = h("input", { type: "file", accept: ".yaml,.yml,.json", hidden: true });
  file.addEventListener("change", () => void file.files?.[0]?.text().then(fill));
  panel.append(
    h("p", { class: "quiet" }, "What the configuration on the left gives and takes, compared with this older one:"),
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", click: () => fill(state.text) }, "Keep the present text as the older one"),
      h("button", { type: "button", click: () => file.click() }, "Open a file"),
      h("button", { type: "button", click: () => fill("") }, "Empty it"),
      file,
    ),
    place,
    answer,
  );
  watch(["old", "differences", "checked"], () => {
    const { old, differences } = state;
    if (old && editor.text === "") {
      quiet = true;
      editor.setText(old.text, old.format);
      quiet = false;
    }
    if (!old) {
      show(answer, message("Keep the present text, then change it: what is added and what is removed is shown here."));
    } else if (!isReady()) {
      show(answer, message("Nothing is compared while the configuration has errors."));
    } else if (!differences) {
      show(answer);
    } else if ("error" in differences) {
      show(answer, message(differences.error, "bad"));
    } else {
      show(answer, ...content(differences.value, open));
    }
  });
}

const KINDS: [Difference["kind"], string, string, string][] = [
  ["added", "Added", "yes", "+"],
  ["removed", "Removed", "no", "−"],
  ["changed", "Changed", "maybe", "±"],
];

function content(found: Differences, open: () => void): (HTMLElement | false)[] {
  const counts = KINDS.map(([kind]) => [kind, found.rights.filter((right) => right.kind === kind).length] as const);
  const none = found.rights.length + found.settings.length === 0;
  const said = [...counts.filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`), ...(found.settings.length > 0 ? [plural(found.settings.length, "other setting")] : [])];
  return [
    h("p", { class: `summary ${none ? "yes" : ""}` }, none ? "No difference" : said.join(", "), h("span", { class: "quiet" }, none ? " for any caller and any repository" : "")),
    ...KINDS.map(([kind, title, mark, sign]) => {
      const rights = found.rights.filter((right) => right.kind === kind);
      return rights.length > 0 && h("section", { class: "differences" }, h("h3", {}, title), h("ul", {}, ...rights.map((right) => item(right, mark, sign, open))));
    }),
    found.leftOut > 0 && h("p", { class: "quiet" }, `${plural(found.leftOut, "difference")} more`),
    found.settings.length > 0 &&
      h(
        "section",
        { class: "differences" },
        h("h3", {}, "Other settings, which are not compared"),
        h("ul", {}, ...found.settings.map((setting) => h("li", { class: "maybe" }, h("span", { class: "sign", "aria-hidden": "true" }, "±"), h("span", { class: "said" }, setting)))),
      ),
    !none && h("details", {}, h("summary", {}, "As registry-auth diff prints it"), h("pre", { tabindex: 0 }, found.text)),
  ];
}

/** A right, which explains itself by a request that both decide. */
function item(right: Difference, mark: string, sign: string, open: () => void): HTMLElement {
  const { example } = right;
  const notes = right.notes.map((note) => h("span", { class: "note quiet" }, note));
  return h(
    "li",
    { class: mark },
    h("span", { class: "sign", "aria-hidden": "true" }, sign),
    h(
      "div",
      { class: "said" },
      h("span", {}, h("b", {}, right.who), ` ${right.actions.join(", ")} in `, h("code", {}, right.pattern)),
      ...notes,
      example && h("details", {}, h("summary", {}, "e.g. ", h("code", {}, example.words)), ...sides(example, open)),
    ),
    lineLink(right.place),
  );
}

function sides(example: NonNullable<Difference["example"]>, open: () => void): HTMLElement[] {
  const use = (): void => {
    set({ who: example.who, words: example.words, tagExists: example.tagExists });
    open();
    void decide();
  };
  const row = (title: string, headline: string): HTMLElement[] => {
    const isAllowed = headline.startsWith("ALLOWED");
    return [h("dt", {}, title), h("dd", { class: isAllowed ? "yes" : "no" }, headline)];
  };
  return [
    h("dl", {}, h("dt", {}, "who"), h("dd", {}, nameOf(example.who)), ...row("before", example.before), ...row("now", example.now)),
    h("button", { type: "button", click: use, "aria-label": `All steps: ${example.words}` }, "All steps"),
  ];
}
