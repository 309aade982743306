/** A part of the configuration's text. Lines and columns count from 1; columns are characters. */
export interface Place {
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
}

/** Something that is wrong with the configuration, dangerous or doubtful. */
export interface Finding {
  /** A heading of docs/lints.md. */
  id: string;
  level: "error" | "danger" | "warning";
  message: string;
  /** What to write instead. */
  write: string | null;
  path: string;
  place: Place | null;
  /** Where it is explained. */
  link: string;
}

/** A configuration, whatever was loaded. */
export interface CheckRequest extends LoadRequest {
  now: number;
}

/** The same as `registry-auth check` prints. */
export interface Findings {
  findings: Finding[];
  leftOut: number;
}

export interface LoadRequest {
  text: string;
  format: "json" | "yaml";
  /** The content of files that the configuration names, by their paths. */
  files?: Record<string, string>;
}

export interface Checked extends Findings {
  /** True if requests can be decided. `findings` are errors only. */
  ready: boolean;
  patterns: number;
  policies: number;
  tests: number;
  issuers: string[];
  certificates: boolean;
  people: boolean;
  assumptions: string[];
}

/** Somebody who asks. */
export type Who =
  | { kind: "anonymous" }
  | { kind: "user"; name: string; groups: string[] }
  | { kind: "claims"; issuer?: string; claims: Record<string, unknown> }
  | { kind: "token"; token: string; jwks?: string }
  | { kind: "certificate"; commonName?: string; uri?: string; dns?: string; pem?: string };

export interface Question {
  who: Who;
  /** `push team/app:v1`, or a request such as `GET /v2/team/app/tags/list`. */
  words: string;
  /** Whether tags that are pushed exist; null if the registry does not say. */
  tagExists: boolean | null;
  /** Seconds since 1970. */
  now: number;
  /** Whether the smallest changes are looked for with which it would be allowed: it takes longer. */
  nearest?: boolean;
}

/** A step of a decision. */
export interface Step {
  kind:
    | "token" | "expression" | "provider" | "caller" | "check" | "claim" | "pattern" | "hidden" | "condition" | "rule" | "tag";
  mark: "yes" | "no" | "skip" | "info";
  title: string;
  code: string | null;
  notes: string[];
  path: string;
  place: Place | null;
}

/** A request, and what it gets. */
export interface Answered {
  request: string;
  granted: boolean;
  outcome: string;
  reason: string | null;
  /** Of the answer, if the registry is not asked. */
  status: number | null;
  headers: [string, string][];
  body: string;
  steps: Step[];
}

export interface Decision {
  words: string;
  verdict: "allowed" | "refused" | "unknown";
  headline: string;
  signature: "none" | "notChecked" | "checked";
  user: string | null;
  groups: string[];
  requests: Answered[];
  /** The index of the request that decides. */
  deciding: number;
  /** The smallest changes with which it would be allowed, if it is refused and they are asked for. */
  nearest: string[];
  /** The same as `registry-auth explain` prints it. */
  text: string;
}

export interface MatrixRequest {
  callers: string;
  repositories: string;
  now: number;
}

/** `holds` and `fails`: by conditions, for the tag `v1`. */
export type Cell = "yes" | "no" | "holds" | "fails" | "unknown";

export interface Caller {
  label: string;
  kind: "anonymous" | "user" | "group" | "test";
  who: Who;
}

export interface Matrix {
  callers: Caller[];
  repositories: string[];
  /** Of each caller and repository: read, create, update, delete. */
  cells: [Cell, Cell, Cell, Cell][][];
  leftOut: [number, number];
}

export interface Moment {
  now: number;
}

export interface TestResult {
  name: string;
  path: string;
  place: Place | null;
  failures: { what: string; decision: Decision }[];
}

/** Something that tests can reach. */
export interface Unit {
  place: Place | null;
  name: string;
  missing: string | null;
}

export interface TestResults {
  requests: number;
  tests: TestResult[];
  invalid: { path: string; message: string; place: Place | null }[];
  percent: number;
  covered: [number, number];
  coverage: Unit[];
}

/** The older configuration. */
export interface CompareRequest extends LoadRequest {
  now: number;
}

/** A right that the newer configuration gives, takes, or gives otherwise. */
export interface Difference {
  kind: "added" | "removed" | "changed";
  who: string;
  actions: string[];
  /** Or `adminPolicy`. */
  pattern: string;
  /** In the newer text. */
  place: Place | null;
  notes: string[];
  /** A request that both decide, in different ways. */
  example: {
    who: Who;
    words: string;
    tagExists: boolean | null;
    /** The headlines of both decisions. */
    before: string;
    now: string;
  } | null;
}

export interface Differences {
  rights: Difference[];
  leftOut: number;
  /** What else is another, and is not compared. */
  settings: string[];
  /** The same as `registry-auth diff` prints it. */
  text: string;
}

/** What would be shared. */
export interface SharedQuestion {
  text: string;
  format: "json" | "yaml";
  words: string;
  who: unknown;
}

export interface Secrets {
  secrets: { path: string; what: string; place: Place | null }[];
}

/** The methods of `Workbench`: the JSON that they take, and the JSON that they return. */
export interface Calls {
  load: [LoadRequest, Checked];
  check: [CheckRequest, Findings];
  decide: [Question, Decision];
  matrix: [MatrixRequest, Matrix];
  tests: [Moment, TestResults];
  compare: [CompareRequest, Differences];
  secrets: [SharedQuestion, Secrets];
}
