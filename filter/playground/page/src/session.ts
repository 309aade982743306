// Keeps the answers up to date: the configuration is read again when it changes, and what is shown is asked again.

import type { Calls, Checked, Findings, Question } from "../../types";
import { compile, Engine, Refused, Superseded } from "./engine";
import { now, type Result, set, state, type State } from "./store";

let engine: Engine;
/** Another one for what may take long, so that no decision waits for it. */
let checker: Engine;
/** Counts configurations that were read: answers about older ones are not shown. */
let generation = 0;
let firstDecision = true;

/** How long `check` may take, in milliseconds: no decision waits for it. */
const CHECK_LIMIT = 60_000;
/** After how long the page says that it still checks, and a check of an older text is ended, in milliseconds. */
const PATIENCE = 500;
let checkBegan = 0;
/** Counts questions of who may do what: answers to older ones are not shown. */
let asked = 0;
/** When the search for what would be allowed began; 0 if there is none. */
let searchBegan = 0;

/** What is said where a link does not say who asks. */
const UNSAID = "The link does not say who asks: choose somebody under Who";

/** Starts the engines. Returns how long the last questions took, in milliseconds. */
export function start(url: URL): () => Engine["took"] {
  const module = compile(url);
  engine = new Engine(module);
  checker = new Engine(module, CHECK_LIMIT);
  return () => ({ ...engine.took, ...checker.took });
}

/** Reads the configuration again, then asks again. */
export async function load(): Promise<void> {
  generation += 1;
  const mine = generation;
  const { text, format, files } = state;
  endSearch();
  const timer = setTimeout(() => mine === generation && set({ checking: "running" }), PATIENCE);
  const checked = await ask("load", { text, format, files });
  if (mine === generation && checked !== undefined) {
    set({ checked, findings: early(checked), request: null });
    await refresh();
    if (mine === generation) {
      await check(mine);
    }
  }
  clearTimeout(timer);
}

/** The errors, and of the findings before those that may still be right. */
function early(checked: Result<Checked>): Findings {
  const errors = checked && "value" in checked ? checked.value : { findings: [], leftOut: 0 };
  const before = state.findings.findings.filter((finding) => finding.level !== "error");
  return { findings: [...errors.findings, ...before], leftOut: errors.leftOut };
}

/** Asks for everything that is wrong. */
async function check(mine: number): Promise<void> {
  const { text, format, files } = state;
  if (performance.now() - checkBegan > PATIENCE) {
    checker.abandon();
  }
  checkBegan = performance.now();
  const found = await ask("check", { text, format, files, now: now() }, checker);
  if (mine !== generation || !found) {
    return;
  }
  if ("value" in found) {
    set({ findings: found.value, checking: "done" });
  } else {
    // Those of an older text would be taken for those of this one.
    const findings = state.findings.findings.filter((finding) => finding.level === "error");
    set({ findings: { findings, leftOut: 0 }, checking: { error: found.error } });
  }
}

/** Asks everything that is shown. */
export async function refresh(): Promise<void> {
  if (!isReady()) {
    asked += 1;
    set({ decision: null, matrix: null, tests: null, differences: null });
    return;
  }
  await decide();
  await runTests();
  await refreshTab();
}

export async function decide(): Promise<void> {
  asked += 1;
  const mine = asked;
  if (!isReady()) {
    return;
  }
  endSearch();
  const { who, words, tagExists } = state;
  if (who.kind === "unsaid") {
    set({ decision: { error: UNSAID } });
    return;
  }
  if (words.trim() === "") {
    set({ decision: { error: "write what is done: push team/app:v1" } });
    return;
  }
  const question = { who, words, tagExists, now: now() };
  // A verdict beside another question would be taken for the answer.
  const timer = setTimeout(() => mine === asked && set({ decision: null }), PATIENCE);
  const decision = await ask("decide", question);
  clearTimeout(timer);
  if (decision === undefined || mine !== asked) {
    return;
  }
  set({ decision, request: null });
  if (firstDecision) {
    firstDecision = false;
    performance.mark("first-decision");
  }
  if (decision && "value" in decision && decision.value.verdict === "refused") {
    void search(question, mine);
  }
}

/** Looks for what would be allowed instead. */
async function search(question: Question, mine: number): Promise<void> {
  searchBegan = performance.now();
  const decision = await ask("decide", { ...question, nearest: true });
  searchBegan = 0;
  if (mine === asked && decision && "value" in decision) {
    set({ decision });
  }
}

/** Ends a search that takes long: nobody waits for it any more. */
function endSearch(): void {
  if (searchBegan > 0 && performance.now() - searchBegan > PATIENCE) {
    engine.abandon();
  }
}

async function runTests(): Promise<void> {
  const { checked } = state;
  if (checked && "value" in checked && checked.value.tests === 0) {
    set({ tests: null });
    return;
  }
  keep("tests", await ask("tests", { now: now() }));
}

/** Asks what only the tab that is open shows. */
export async function refreshTab(): Promise<void> {
  if (!isReady()) {
    return;
  }
  if (state.tab === "matrix") {
    keep("matrix", await ask("matrix", { ...state.filter, now: now() }));
  } else if (state.tab === "diff" && state.old) {
    keep("differences", await ask("compare", { ...state.old, files: state.files, now: now() }));
  }
}

/** Asks about something of its own, and not for the page's state. */
export function ask<K extends keyof Calls>(name: K, question: Calls[K][0], from = engine): Promise<Result<Calls[K][1]> | undefined> {
  return from.ask(name, question).then(
    (value) => ({ value }),
    (error: unknown) => {
      if (error instanceof Superseded) {
        return undefined;
      }
      return { error: error instanceof Refused || error instanceof Error ? error.message : String(error) };
    },
  );
}

function keep<K extends "matrix" | "tests" | "differences">(name: K, result: State[K] | undefined): void {
  if (result !== undefined) {
    set({ [name]: result } as Partial<State>);
  }
}

export function isReady(): boolean {
  return state.checked !== null && "value" in state.checked && state.checked.value.ready;
}
