// Written by build.mjs, from docs/configuration.md.

export interface Key {
  name: string;
  type: string;
  fallback: string;
  meaning: string;
  example: string;
}

export declare const KEYS: Record<string, Key[]>;
