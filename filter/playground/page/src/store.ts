// What the page shows: one object, whose changes are announced by name.

import type { Checked, Decision, Differences, Findings, Matrix, TestResults, Who } from "../../types";

export type Format = "json" | "yaml";

export const TABS = ["decision", "request", "who", "matrix", "tests", "diff"] as const;
export type Tab = (typeof TABS)[number];

/** An answer that may have failed. */
export type Result<T> = { value: T } | { error: string } | null;

/** Who asks; or that a link does not say it. */
export type Asking = Who | { kind: "unsaid" };

/** What is known of the findings of `check`. */
export type Checking = "running" | "done" | { error: string };

export interface State {
  text: string;
  format: Format;
  files: Record<string, string>;
  who: Asking;
  words: string;
  tagExists: boolean | null;
  /** The moment of the decision in seconds since 1970; null is now. */
  at: number | null;
  tab: Tab;
  old: { text: string; format: Format } | null;
  filter: { callers: string; repositories: string };
  checked: Result<Checked>;
  /** What is shown as wrong: the errors of `checked` at once, the rest when it is known. */
  findings: Findings;
  /** Whether `findings` are all. */
  checking: Checking;
  decision: Result<Decision>;
  /** The index of the request whose steps are shown; null is the deciding one. */
  request: number | null;
  matrix: Result<Matrix>;
  tests: Result<TestResults>;
  differences: Result<Differences>;
}

type Key = keyof State;

const listeners = new Map<Key, Set<() => void>>();

export const state: State = {
  text: "",
  format: "yaml",
  files: {},
  who: { kind: "anonymous" },
  words: "",
  tagExists: null,
  at: null,
  tab: "decision",
  old: null,
  filter: { callers: "", repositories: "" },
  checked: null,
  findings: { findings: [], leftOut: 0 },
  checking: "done",
  decision: null,
  request: null,
  matrix: null,
  tests: null,
  differences: null,
};

/** Changes members and announces them, each listener once. */
export function set(change: Partial<State>): void {
  Object.assign(state, change);
  const called = new Set<() => void>();
  for (const key of Object.keys(change) as Key[]) {
    for (const listener of listeners.get(key) ?? []) {
      called.add(listener);
    }
  }
  for (const listener of called) {
    listener();
  }
}

/** Calls `listener` now and when one of the members has changed. */
export function watch(keys: Key[], listener: () => void): void {
  for (const key of keys) {
    const known = listeners.get(key) ?? new Set();
    known.add(listener);
    listeners.set(key, known);
  }
  listener();
}

/** The moment that decisions are made at, in seconds. */
export function now(): number {
  return state.at ?? Math.floor(Date.now() / 1000);
}
