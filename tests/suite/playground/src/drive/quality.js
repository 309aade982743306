// What holds for the page as a whole: the keyboard alone, without a network, speed, contrast.

import assert from "node:assert/strict";
import { SIZES } from "./browser.js";
import { ask, load, says, tab, verdict, write } from "./page.js";

/** Another policy, with something dangerous in it. */
const NEWER = `http:
  auth:
    bearer:
      realm: registry
      service: registry.example.com
      oidc:
      - issuer: https://token.actions.githubusercontent.com
        audiences: [registry.example.com]
        claimMapping:
          validations:
          - { expression: "claims.repository_owner.startsWith('acme')", message: not a workflow of acme }
          username: "'gh/' + claims.repository"
          groups: "claims.ref_type == 'tag' ? ['gh:tag'] : ['gh:branch']"
  accessControl:
    repositories:
      "acme/**":
        policies:
        - groups: ["gh:tag"]
          actions: [create, delete]
        defaultPolicy: [read]
        anonymousPolicy: [read]
`;

export async function quality(world) {
  await keyboard(world);
  await offline(world);
  await quick(world);
  await pictures(world);
}

async function keyboard({ browser, site, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "words");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("pull acme/app:v1");
  await says(page, "Allowed");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tab-decision");
  const lines = page.locator("#panel-decision .trace button.line");
  assert.ok((await lines.count()) > 1);
  await lines.first().focus();
  await page.keyboard.press("ArrowDown");
  assert.ok(await lines.nth(1).evaluate((button) => button === button.getRootNode().activeElement));
  assert.equal(await lines.evaluateAll((all) => all.filter((button) => button.tabIndex === 0).length), 1);
  await page.locator("#tab-decision").focus();
  for (const name of ["request", "who"]) {
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.evaluate(() => document.activeElement.id), `tab-${name}`);
  }
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowUp");
  await page.locator("#who", { hasText: "ann" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("cleo");
  await page.locator("#who", { hasText: "cleo" }).waitFor();
  seen("the keyboard alone");
  await page.context().close();
}

async function offline({ browser, site, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  await page.waitForFunction(async () => (await (await caches.open((await caches.keys())[0])).keys()).length > 5);
  await page.context().setOffline(true);
  const before = site.asked.length;
  await page.reload();
  await page.locator("#verdict.refused").waitFor();
  await ask(page, "pull acme/app:v1");
  await says(page, "Allowed");
  assert.equal(site.asked.length, before);
  seen("offline after the first load");
  await page.context().close();
}

async function quick({ browser, site, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  let text = "http:\n  auth: { mtls: {} }\n  accessControl:\n    repositories:\n";
  for (let index = 0; index < 1000; index += 1) {
    text += `      "team${index}/**": { policies: [{ users: [user${index}], actions: [read, create] }] }\n`;
  }
  await write(page, text);
  await page.locator("#state", { hasText: "1000 patterns" }).waitFor();
  await page.locator("#editor .cm-content").click();
  await page.keyboard.press("Control+End");
  const times = [];
  for (const key of "# a comment") {
    const began = performance.now();
    await page.keyboard.type(key);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => resolve())));
    times.push(performance.now() - began);
  }
  await page.waitForFunction(() => "check" in window.playground.took());
  const took = await page.evaluate(() => window.playground.took());
  const shown = Object.entries(took).map(([name, time]) => `${name} ${Math.round(time)} ms`);
  times.sort((one, other) => one - other);
  console.log(`time: a key in 1,000 patterns takes ${Math.round(times[times.length >> 1])} ms (the longest ${Math.round(times.at(-1))} ms), in the worker: ${shown.join(", ")}`);
  await ask(page, "pull team500/app:v1");
  await page.locator("#verdict.refused").waitFor();
  seen("a thousand patterns");

  let many = "http:\n  auth: { mtls: {} }\n  accessControl:\n    repositories:\n";
  for (let index = 0; index < 15_000; index += 1) {
    many += `      "t${index}/**": { defaultPolicy: [read] }\n`;
  }
  await write(page, many);
  await page.locator("#state", { hasText: "checking…" }).waitFor();
  await write(page, text);
  await page.locator("#state.good", { hasText: "1000 patterns" }).waitFor();
  await page.locator("#state", { hasText: "checking…" }).waitFor({ state: "detached" });
  seen("the page says that it checks, and ends it for a newer text");
  await page.context().close();
}

async function pictures({ browser, site, seen }) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.open(site.base, { colorScheme });
    await load(page, site.base);
    await page.locator("#panel-decision li.step.condition").first().waitFor();
    await page.locator("#editor .cm-reached").first().waitFor();
    await page.locator("#panel-decision li.step.condition.no").first().getByRole("button", { name: /^line/ }).click();
    await page.mouse.move(0, 0);
    await browser.examine(page, `Decision, ${colorScheme}`);
    await browser.picture(page, colorScheme);
    for (const name of ["Request", "Who", "Matrix", "Tests", "Diff"]) {
      await tab(page, name);
      if (name === "Diff") {
        await page.getByRole("button", { name: /^Keep the present text/ }).click();
        await write(page, NEWER);
        await page.locator("#panel-diff details").first().getByText("e.g.").click();
      }
      await page.waitForTimeout(250);
      await browser.examine(page, `${name}, ${colorScheme}`);
      await browser.picture(page, `${name.toLowerCase()}-${colorScheme}`);
    }
    await tab(page, "Decision");
    await page.setViewportSize(SIZES.phone);
    await browser.examine(page, `a phone, ${colorScheme}`);
    await page.screenshot({ path: `${browser.screenshots}/playground-phone-${colorScheme}.png`, fullPage: true });
    seen(`contrast and size, ${colorScheme}`);
    await page.getByRole("button", { name: /^Colours/ }).click();
    await page.getByRole("button", { name: /^Colours/ }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.colours), "dark");
    assert.equal(await verdict(page).isVisible(), true);
    await page.context().close();
  }
}
