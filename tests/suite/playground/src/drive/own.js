// `registry-auth playground`: the same page from the program, with a configuration that is followed.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import assert from "node:assert/strict";
import os from "node:os";
import path from "node:path";
import { ask, link, load, says } from "./page.js";

const POLICY = (action) => `http:
  auth:
    bearer:
      realm: registry
      service: registry.example.com
      cert: KEYS
  accessControl:
    repositories:
      "team/**": { anonymousPolicy: [${action}] }
`;

const PEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

export async function own({ browser, seen, program }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "playground-"));
  const file = path.join(folder, "policy.yaml");
  const keys = path.join(folder, "keys.pem");
  const text = (action) => POLICY(action).replace("KEYS", keys);
  await writeFile(keys, PEM);
  await writeFile(file, text("read"));
  const child = spawn(program, ["playground", "--config", file], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const url = await new Promise((resolve, reject) => {
      child.once("exit", (status) => reject(new Error(`the program has ended with ${status}`)));
      child.stdout.once("data", (data) => resolve(String(data).trim()));
    });
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/);
    const other = url.replace(/[0-9a-f](\/)$/, (digit) => (digit[0] === "0" ? "1/" : "0/"));
    for (const address of [new URL("/", url), `${other}`, `${other}configuration`]) {
      assert.equal((await fetch(address)).status, 404, String(address));
    }
    const page = await browser.open(url);
    await load(page, url);
    await ask(page, "pull team/app:v1");
    await says(page, "Allowed");
    assert.ok(await page.getByText(file).isVisible());
    seen("the program serves the page with its configuration and the keys that it names");

    await writeFile(file, text("delete"));
    await says(page, "Refused");
    seen("a change of the file is followed");

    await page.locator("#editor .cm-content").click();
    await page.keyboard.press("Control+Home");
    await page.keyboard.type("# mine\n");
    await writeFile(file, text("read"));
    await page.getByRole("button", { name: "Show the file" }).click();
    await says(page, "Allowed");
    assert.equal(await readFile(file, "utf8"), text("read"));
    seen("what was tried out is kept until somebody says so, and nothing is written");

    const header = page.locator("#own");
    const shown = () => page.locator("#editor .cm-content").innerText();
    await page.evaluate((fragment) => {
      location.hash = fragment;
    }, link({ text: text("create"), words: "pull team/app:v1", who: { kind: "anonymous" } }));
    await says(page, "Refused");
    await header.getByText("From a link").waitFor();
    await header.getByRole("button", { name: "Show the file" }).click();
    await says(page, "Allowed");
    assert.equal(await header.textContent(), file);
    await rm(file);
    await header.getByText("No such file").waitFor();
    assert.match(await shown(), /accessControl/);
    await says(page, "Allowed");
    await writeFile(file, text("delete"));
    await says(page, "Refused");
    assert.equal(await header.textContent(), file);
    seen("the page says whose text it has: of a link, of the file, of a file that is gone");

    assert.deepEqual(await page.evaluate(() => window.violations), []);
    child.kill();
    await page.getByText("does not answer").waitFor();
    // The page asks again for a server that is not there.
    browser.problems.splice(0, browser.problems.length, ...browser.problems.filter((text) => !text.includes("ERR_CONNECTION_REFUSED")));
    await page.context().close();
    seen("the page says that the program has ended");
  } finally {
    child.kill();
    await rm(folder, { recursive: true });
  }
}
