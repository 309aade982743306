// The configuration of `registry-auth playground --config FILE`, which serves this page too: it is read again when it
// changes. Nothing is ever written to it.

import type { Format } from "./store";

export interface Own {
  name: string;
  format: Format;
  text: string;
  /** The files that it names, by their paths. */
  files: Record<string, string>;
  /** What could not be read. */
  error?: string;
}

/** How often is asked whether it has changed, in milliseconds. */
const PAUSE = 1000;
/** How many questions in a row get no answer where the program has ended. */
const PATIENCE = 3;

/** What is told about the configuration. */
export interface Follower {
  /** It was read, the first time too. */
  changed(own: Own): void;
  /** The program does not answer any more. */
  gone(): void;
  /** It answers again. */
  back(): void;
}

/** True if this page comes from a server with a configuration. */
export function isServed(): boolean {
  return document.documentElement.dataset["configuration"] !== undefined;
}

/** Asks for the configuration, and again whenever it may have changed. */
export function follow(follower: Follower): void {
  let tag = "";
  let failed = 0;
  const ask = async (): Promise<void> => {
    try {
      const response = await fetch("configuration", { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
      if (response.status !== 200 && response.status !== 304) {
        throw new Error(`status ${response.status}`);
      }
      const own = response.status === 200 ? ((await response.json()) as Own) : null;
      if (failed >= PATIENCE) {
        follower.back();
      }
      failed = 0;
      if (own) {
        tag = response.headers.get("ETag") ?? "";
        follower.changed(own);
      }
    } catch {
      failed += 1;
      if (failed === PATIENCE) {
        follower.gone();
      }
    }
    setTimeout(() => void ask(), document.hidden ? 5 * PAUSE : PAUSE);
  };
  void ask();
}
