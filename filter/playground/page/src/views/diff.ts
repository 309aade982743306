// The tab Diff: what another configuration decides differently.

import type { Difference, Differences } from "../../../types";
import { h, plural, show } from "../dom";
import { Editor } from "../editor";
import { decide, isReady, refreshTab } from "../session";
import { set, state, watch } from "../store";
import { message } from "./parts";

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
    h("p", { class: "quiet" }, "The configuration on the left is the newer one. The older one:"),
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

function content(found: Differences, open: () => void): HTMLElement[] {
  const none = found.added.length + found.removed.length === 0;
  return [
    h(
      "p",
      { class: `summary ${none ? "yes" : ""}` },
      none ? "No difference" : `${plural(found.added.length, "addition")}, ${plural(found.removed.length, "removal")}`,
      h(
        "span",
        { class: "quiet" },
        ` in ${plural(found.compared, "decision")}: the callers and repositories that either one names${found.complete ? "" : ", the first of them"}`,
      ),
    ),
    list("Added", "yes", found.added, open),
    list("Removed", "no", found.removed, open),
  ];
}

function list(title: string, kind: string, differences: Difference[], open: () => void): HTMLElement {
  const items = differences.slice(0, 200).map((difference) => {
    const use = (): void => {
      set({ who: difference.who, words: difference.words, tagExists: difference.tagExists });
      open();
      void decide();
    };
    return h(
      "li",
      { class: kind },
      h("span", { class: "sign", "aria-hidden": "true" }, kind === "yes" ? "+" : "−"),
      h("span", { class: "said" }, h("b", {}, difference.caller), ` ${difference.actions.join(", ")} in `, h("code", {}, difference.repository)),
      h("button", { type: "button", class: "line", click: use, "aria-label": `Show: ${difference.actions[0] ?? ""} in ${difference.repository}` }, "show"),
    );
  });
  const section = h("section", { class: "differences" }, h("h3", {}, title), h("ul", {}, ...items));
  section.hidden = items.length === 0;
  return section;
}
