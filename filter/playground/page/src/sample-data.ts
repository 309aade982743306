// Written by build.mjs, from the folder samples.

import type { Who } from "../../types";
import type { Format } from "./store";

/** Somebody who does something, and what comes of it. */
export interface Story {
  /** What it shows, in a sentence. */
  text: string;
  who: Who;
  words: string;
  tagExists?: boolean;
  /** The moment, where a token has its own. */
  at?: number;
  verdict: "allowed" | "refused" | "unknown";
  /** A part of the headline. */
  says: string;
}

export interface Sample {
  id: string;
  title: string;
  file: string;
  format: Format;
  text: string;
  stories: Story[];
}

/** The samples of the page. */
export declare const SAMPLES: Sample[];
