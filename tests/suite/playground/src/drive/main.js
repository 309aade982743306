// Drives the playground with Chromium. It prints a line for each thing that it has seen, and fails at the first that is
// otherwise.
//
// Arguments: the page, the program of the browser, axe-core, the rows, the samples, a folder for screenshots, the program
// registry-auth.

import { mkdir, readFile } from "node:fs/promises";
import assert from "node:assert/strict";
import path from "node:path";
import { Browser } from "./browser.js";
import { serve } from "./site.js";
import { hostile } from "./hostile.js";
import { own } from "./own.js";
import { quality } from "./quality.js";
import { rows } from "./rows.js";
import { samples, stories } from "./stories.js";

const [index, executable, axe, rowsFile, samplesFile, screenshots, program] = process.argv.slice(2);
const read = async (file) => JSON.parse(await readFile(file, "utf8"));
await mkdir(screenshots, { recursive: true });
const site = await serve(path.dirname(index), "/some/where/playground/");
const browser = await Browser.start(executable, axe, screenshots);
const seen = (what) => console.log(`seen: ${what}`);
const world = { browser, site, seen, samples: await read(samplesFile), rows: await read(rowsFile), program };
try {
  // What is measured, alone; then two at a time, in pages of their own.
  await samples(world);
  await quality(world);
  const others = async () => {
    await rows(world);
    await hostile(world);
    await own(world);
  };
  await Promise.all([stories(world), others()]);
  assert.deepEqual(browser.problems, [], "messages of the browser, such as refusals of the Content-Security-Policy");
  seen("no complaint of the browser");
  assert.deepEqual(browser.foreign, [], "requests to somebody else");
  seen("no request to anybody else");
} finally {
  await browser.chromium.close();
  await site.stop();
}
