// Bundles the page: `node build.mjs ENGINE OUT`, with the folder of the engine's module as wasm-bindgen writes it.

import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const [engine, out, packages] = process.argv.slice(2).map((folder) => path.resolve(folder));
const { build } = await import(pathToFileURL(path.join(packages, "esbuild/lib/main.js")).href);
const workspace = path.join(here, "../../..");

/** The tables of docs/configuration.md, by their sections. */
async function keys() {
  const page = await readFile(path.join(workspace, "docs/configuration.md"), "utf8");
  const sections = {};
  let names = [];
  for (const line of page.split("\n")) {
    if (line.startsWith("## ")) {
      names = line === "## The document" ? [""] : [...line.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
      continue;
    }
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const name = /^`(\w+)`$/.exec(cells[1] ?? "")?.[1];
    if (name && cells.length >= 7) {
      const [type, fallback, meaning, example] = cells.slice(2).map(plain);
      for (const section of names) {
        (sections[section] ??= []).push({ name, type, fallback, meaning, example });
      }
    }
  }
  return sections;
}

/** The licences of the packages that are in the bundle, as they ask for it. */
async function licenses(inputs) {
  const found = inputs.map((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]).filter(Boolean);
  const texts = [...new Set(found)].sort().map(async (name) => {
    const folder = path.join(packages, name);
    const file = (await readdir(folder)).find((file) => /^licen[cs]e/i.test(file));
    return `${name}\n\n${await readFile(path.join(folder, file), "utf8")}`;
  });
  return (await Promise.all(texts)).join(`\n${"-".repeat(80)}\n\n`);
}

/** A cell without its markup. */
function plain(cell) {
  return cell.replace(/\[([^\]]+)\]\([^)]+\)/g, "$1").replaceAll("`", "").replaceAll("\\|", "|");
}

/** The samples, with the texts of their configurations. */
async function samples() {
  const folder = path.join(here, "../samples");
  const list = JSON.parse(await readFile(path.join(folder, "samples.json"), "utf8"));
  return Promise.all(
    list.map(async (sample) => ({ ...sample, text: await readFile(path.join(folder, sample.file), "utf8") })),
  );
}

const virtual = {
  name: "data",
  setup(build) {
    build.onLoad({ filter: /src\/keys\.ts$/ }, async () => ({ contents: `export const KEYS = ${JSON.stringify(await keys())};` }));
    build.onLoad({ filter: /src\/sample-data\.ts$/ }, async () => ({
      contents: `export const SAMPLES = ${JSON.stringify(await samples())};`,
    }));
    build.onResolve({ filter: /engine\/engine\.js$/ }, () => ({ path: path.join(engine, "engine.js") }));
  },
};

const options = {
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  nodePaths: [packages],
  outdir: out,
  entryNames: "[name]",
  plugins: [virtual],
  logLevel: "warning",
  absWorkingDir: here,
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const { metafile } = await build({ ...options, metafile: true, entryPoints: ["src/main.ts", "src/worker.ts", "style.css"] });
await writeFile(path.join(out, "licenses.txt"), await licenses(Object.keys(metafile.inputs)));
await cp(path.join(engine, "engine_bg.wasm"), path.join(out, "engine.wasm"));
for (const file of ["index.html", "icon.svg"]) {
  await cp(path.join(here, file), path.join(out, file));
}
// The service worker keeps exactly these files, under a name that changes with them.
const files = (await readdir(out)).sort();
const hash = createHash("sha256");
for (const file of files) {
  hash.update(file).update(await readFile(path.join(out, file)));
}
const version = hash.digest("hex").slice(0, 16);
await build({
  ...options,
  format: "iife",
  entryPoints: ["src/offline.ts"],
  define: { FILES: JSON.stringify(files), VERSION: JSON.stringify(version) },
});
await writeFile(path.join(out, "version"), `${version}\n`);
