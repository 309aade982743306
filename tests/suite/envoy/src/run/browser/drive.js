// Drives a browser through the proxy. Arguments: the address of the proxy, the program of the browser, a folder for
// screenshots. It does one thing a line of standard input and prints a line of JSON for each; a line that is not
// expected, or a page that is otherwise, ends it with an error.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [base, executablePath, screenshots] = process.argv.slice(2);
await mkdir(screenshots, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
context.setDefaultTimeout(15000);
const page = await context.newPage();

const picture = (name) => page.screenshot({ path: path.join(screenshots, `envoy-${name}.png`), fullPage: true });
const session = async () => (await context.cookies(base)).find((cookie) => cookie.name === "session")?.value;

const steps = {
  // Any name, any password, then the consent: the page is the provider's.
  async provider() {
    await page.goto(`${base}/login`);
    await page.getByRole("link", { name: "Continue with Example" }).click();
    await page.waitForURL(/\/interaction\//);
    await page.fill("input[name=login]", "ann.provider");
    await page.fill("input[name=password]", "x");
    await page.click("button[type=submit]");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL(`${base}/login/keys`);
    await page.getByText("ann.provider@example.org at").waitFor();
    await picture("provider");
    return { session: await session() };
  },
  async password() {
    await page.goto(`${base}/login`);
    await page.getByLabel("User name").fill("ann");
    await page.getByLabel("Password").fill("pw");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForURL(`${base}/login/keys`);
    await page.getByText("ann at").waitFor();
    return { session: await session() };
  },
  async make() {
    await page.goto(`${base}/login/keys`);
    await page.getByLabel("Name").fill("laptop");
    await page.getByRole("button", { name: "Make key" }).click();
    const key = await page.getByRole("textbox", { name: "New key" }).inputValue();
    await picture("key");
    return { key };
  },
  async delete() {
    await page.goto(`${base}/login/keys`);
    await page.getByRole("button", { name: "Delete laptop" }).click();
    await page.getByText("You have no keys yet.").waitFor();
    return {};
  },
  async logout() {
    await page.goto(`${base}/login/keys`);
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Logged out" }).waitFor();
    assert.equal(await session(), undefined);
    await picture("logged-out");
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await steps[line]()));
}
await browser.close();
