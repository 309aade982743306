// Written by build.mjs, from the folder samples.

import type { Sample } from "./samples";

export declare const SAMPLES: Sample[];
