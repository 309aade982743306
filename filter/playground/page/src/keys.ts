// Written by build.mjs, from docs/configuration.md.

import type { Key } from "./completion";

export declare const KEYS: Record<string, Key[]>;
