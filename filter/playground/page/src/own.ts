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

/** True if this page comes from a server with a configuration. */
export function isServed(): boolean {
  return document.documentElement.dataset["configuration"] !== undefined;
}

/** Calls `changed` with the configuration, and again whenever it has changed. */
export function follow(changed: (own: Own) => void, gone: () => void): void {
  let tag = "";
  const ask = async (): Promise<void> => {
    try {
      const response = await fetch("configuration", { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
      if (response.status === 200) {
        tag = response.headers.get("ETag") ?? "";
        changed((await response.json()) as Own);
      }
    } catch {
      gone();
    }
    setTimeout(() => void ask(), document.hidden ? 5 * PAUSE : PAUSE);
  };
  void ask();
}
