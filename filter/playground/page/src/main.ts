// The page: the configuration on the left, what happens on the right.

import { byId, h, show } from "./dom";
import { colours } from "./colours";
import { Editor } from "./editor";
import { read } from "./link";
import { isServed } from "./own";
import { SAMPLES, type Sample, type Story } from "./sample-data";
import { ask, decide, load, start } from "./session";
import { Served } from "./served";
import { share } from "./share";
import { type Format, now, set, state, watch } from "./store";
import { openTab, tabs } from "./tabs";
import { decisionView } from "./views/decision";
import { diffView } from "./views/diff";
import { matrixView } from "./views/matrix";
import { go, VERDICTS } from "./views/parts";
import { problemsView } from "./views/problems";
import { requestView } from "./views/request";
import { testsView } from "./views/tests";
import { nameOf, whoView } from "./views/who";

/** How long the page waits for more keys before it asks, in milliseconds. */
const PAUSE = 60;

const took = start(new URL("engine.wasm", import.meta.url));
let sample: Sample | null = null;
/** The configuration that the page follows, if it is served with one. */
let served: Served | null = null;

/** Calls `action` when nothing has been written for a moment. */
function soon(action: () => void): () => void {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(action, PAUSE);
  };
}

const loadSoon = soon(() => void load());
const decideSoon = soon(() => void decide());

const editor = new Editor(byId("editor"), "Configuration", "yaml", (text, wasCut) => {
  set({ text });
  if (wasCut) {
    set({ checked: { error: "the text is longer than this page reads, and was cut" } });
  }
  loadSoon();
});
go.to = (place) => editor.show(place, true);

async function showText(text: string, format: Format): Promise<void> {
  // What was found in another text is nothing that is wrong with this one.
  set({ format, findings: { findings: [], leftOut: 0 } });
  editor.setText(text, format);
  set({ text });
  await load();
}

function play(story: Story): void {
  set({ who: story.who, words: story.words, tagExists: story.tagExists ?? null, at: story.at ?? null });
  openTab("decision");
  void decide();
}

function useSample(chosen: Sample): void {
  sample = chosen;
  const [story] = chosen.stories;
  if (story) {
    set({ who: story.who, words: story.words, tagExists: story.tagExists ?? null, at: story.at ?? null, old: null, differences: null });
  }
  void showText(chosen.text, chosen.format);
}

function header(): void {
  const select = byId<HTMLSelectElement>("sample");
  select.append(...SAMPLES.map((known) => h("option", { value: known.id }, known.title)));
  select.addEventListener("change", () => {
    const chosen = SAMPLES.find((known) => known.id === select.value);
    if (chosen) {
      useSample(chosen);
    }
  });
  byId("share").addEventListener("click", () => void share());
  const format = byId<HTMLSelectElement>("format");
  format.addEventListener("change", () => {
    set({ format: format.value === "json" ? "json" : "yaml" });
    editor.setFormat(state.format);
    void load();
  });
  watch(["format"], () => {
    format.value = state.format;
  });
}

function question(): void {
  const words = byId<HTMLInputElement>("words");
  words.addEventListener("input", () => {
    set({ words: words.value });
    decideSoon();
  });
  watch(["words"], () => {
    if (words.value !== state.words) {
      words.value = state.words;
    }
  });
  const who = byId("who");
  who.addEventListener("click", () => openTab("who", true));
  watch(["who"], () => {
    who.textContent = nameOf(state.who);
    who.setAttribute("aria-label", `Who asks: ${nameOf(state.who)}`);
  });
  const wishes = byId("wishes");
  watch(["text"], () => {
    const known = new Set(sample?.stories.map((story) => story.words));
    wishes.replaceChildren(...[...known].map((value) => h("option", { value })));
  });
}

function verdict(): void {
  const line = byId("verdict");
  line.addEventListener("click", () => openTab("decision", true));
  watch(["decision", "checked"], () => {
    const { decision, checked } = state;
    const isBroken = checked !== null && (!("value" in checked) || !checked.value.ready);
    if (decision && "value" in decision && !isBroken) {
      const { sign, word } = VERDICTS[decision.value.verdict];
      line.className = `verdict ${decision.value.verdict}`;
      const said = decision.value.headline.replace(/^(ALLOWED|REFUSED|UNKNOWN:?) ?/, "");
      show(
        line,
        h("span", { class: "sign", "aria-hidden": "true" }, sign),
        h("b", {}, word),
        h("span", { class: "said" }, said),
        decision.value.signature === "notChecked" && h("span", { class: "unchecked" }, "signature not checked"),
        state.at !== null && h("span", { class: "unchecked" }, `at ${new Date(state.at * 1000).toLocaleString()}`),
      );
    } else {
      const said = isBroken ? "The configuration has errors" : decision && "error" in decision ? decision.error : "";
      line.className = "verdict none";
      line.replaceChildren(h("span", { class: "sign", "aria-hidden": "true" }, "·"), h("span", { class: "said" }, said));
    }
  });
}

/** A question to begin with: about a repository that the configuration names. */
async function beginning(): Promise<void> {
  if (state.words !== "") {
    return;
  }
  const matrix = await ask("matrix", { callers: "", repositories: "", now: now() });
  const known = matrix && "value" in matrix ? matrix.value.repositories[0] : undefined;
  if (state.words === "") {
    set({ words: `pull ${known ?? "team/app"}:v1` });
    await decide();
  }
}

/** Shows what the address has behind `#`; false if that is nothing. */
async function showLink(): Promise<boolean> {
  const shared = await read(location.hash.slice(1));
  if (shared === "none") {
    return false;
  }
  byId("notice").hidden = shared !== "damaged";
  // The address would otherwise say something else than the page as soon as something is changed.
  history.replaceState(null, "", location.pathname);
  if (shared === "damaged") {
    return false;
  }
  const { text, format, words, tagExists, at, tab, who } = shared;
  sample = null;
  set({ words, tagExists, at, tab, who });
  byId<HTMLSelectElement>("sample").value = "";
  void showText(text, format);
  return true;
}

async function begin(): Promise<void> {
  const isLinked = await showLink();
  if (isServed()) {
    byId("sample-field").hidden = true;
    served = new Served(byId("own"), (own) => void showText(own.text, own.format).then(beginning));
    if (isLinked) {
      served.isLinked();
    }
  } else if (!isLinked && SAMPLES[0]) {
    useSample(SAMPLES[0]);
  }
}

colours();
const panels = tabs();
decisionView(panels.decision);
requestView(panels.request, () => sample?.stories ?? [], play);
whoView(panels.who);
matrixView(panels.matrix, () => openTab("decision", true));
testsView(panels.tests);
diffView(panels.diff, () => openTab("decision", true));
problemsView(byId("problems"), byId("state"));
header();
question();
verdict();
watch(["findings"], () => editor.setFindings(state.findings.findings));
watch(["tests"], () => editor.setCoverage(state.tests && "value" in state.tests ? state.tests.value.coverage : []));
window.addEventListener("hashchange", () => void showLink().then((isLinked) => isLinked && served?.isLinked()));
byId("notice-close").addEventListener("click", () => {
  byId("notice").hidden = true;
});
void begin();

// For tests: how long the engines took.
Object.assign(window, { playground: { took } });

if ("serviceWorker" in navigator && !isServed()) {
  // Offline is a convenience: without it the page works as well.
  navigator.serviceWorker.register("offline.js").catch(() => undefined);
}
