// The tabs, as the ARIA practices describe them: arrows move, the panel of the chosen one is shown.

import { byId, h } from "./dom";
import { refreshTab } from "./session";
import { set, state, type Tab, TABS, watch } from "./store";

const TITLES: Record<Tab, string> = {
  decision: "Decision",
  request: "Request",
  who: "Who",
  matrix: "Matrix",
  tests: "Tests",
  diff: "Diff",
};

export function openTab(tab: Tab, focus = false): void {
  set({ tab });
  if (focus) {
    byId(`tab-${tab}`).focus();
  }
  void refreshTab();
}

/** Makes the tabs; returns their panels. */
export function tabs(): Record<Tab, HTMLElement> {
  const list = byId("tabs");
  const panels = byId("panels");
  const made = {} as Record<Tab, HTMLElement>;
  for (const tab of TABS) {
    const badge = h("span", { class: "badge", id: `badge-${tab}` });
    badge.hidden = true;
    list.append(
      h(
        "button",
        { type: "button", role: "tab", id: `tab-${tab}`, "aria-controls": `panel-${tab}`, click: () => openTab(tab), keydown: (event) => move(tab, event as KeyboardEvent) },
        TITLES[tab],
        badge,
      ),
    );
    made[tab] = h("div", { role: "tabpanel", id: `panel-${tab}`, "aria-labelledby": `tab-${tab}`, class: "panel" });
    panels.append(made[tab]);
  }
  watch(["tab"], () => {
    for (const tab of TABS) {
      const isOpen = tab === state.tab;
      const button = byId(`tab-${tab}`);
      button.setAttribute("aria-selected", String(isOpen));
      button.tabIndex = isOpen ? 0 : -1;
      made[tab].hidden = !isOpen;
    }
  });
  watch(["tests"], () => {
    const badge = byId("badge-tests");
    const failed = state.tests && "value" in state.tests ? state.tests.value.tests.filter((test) => test.failures.length > 0).length : 0;
    badge.hidden = failed === 0;
    badge.textContent = failed === 0 ? "" : `${failed}`;
    badge.title = `${failed} failed`;
  });
  return made;
}

function move(tab: Tab, event: KeyboardEvent): void {
  const index = TABS.indexOf(tab);
  const next: Record<string, number> = { ArrowRight: index + 1, ArrowLeft: index - 1 + TABS.length, Home: 0, End: TABS.length - 1 };
  const to = next[event.key];
  const found = to === undefined ? undefined : TABS[to % TABS.length];
  if (found) {
    event.preventDefault();
    openTab(found, true);
  }
}
