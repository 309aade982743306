// What people do with the page, one tab after another.

import assert from "node:assert/strict";
import { ask, link, load, says, tab, unsigned, use, write } from "./page.js";

const CONFIG = `http:
  auth:
    bearer:
      realm: registry
      service: registry.example.com
      oidc:
      - issuer: https://i.example
        audiences: [registry]
        claimMapping: { username: claims.sub }
  accessControl:
    repositories:
      "team/**":
        policies:
        - users: [ann]
          actions: [read, create]
tests:
- { name: ann pushes, as: { user: ann }, allow: ["push team/app:v1"] }
`;

export async function stories(world) {
  await decision(world);
  await configuration(world);
  await who(world);
  await matrix(world);
  await tests(world);
  await diff(world);
  await sharing(world);
}

export async function samples({ browser, site, samples, seen }) {
  const page = await browser.open(site.base);
  const began = Date.now();
  await load(page, site.base);
  console.log(`time: the first decision after ${Date.now() - began} ms, ${Math.round(await page.evaluate(() => performance.getEntriesByName("first-decision")[0].startTime))} ms in the page`);
  for (const { id, stories } of samples) {
    await use(page, id);
    for (const { text, verdict: kind, says: expected } of stories) {
      await tab(page, "Request");
      await page.getByRole("button", { name: text, exact: true }).click();
      await page.locator("#panel-decision details.text pre", { hasText: expected }).waitFor({ state: "attached" });
      await page.locator(`#verdict.${kind}`).waitFor();
    }
    await page.locator("#state.good", { hasText: "test" }).waitFor();
  }
  seen("each sample decides as its text says");
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  await page.context().close();
}

async function decision({ browser, site, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  await says(page, "versions are released by git tags");
  const panel = page.locator("#panel-decision");
  await panel.getByText("the longest pattern decides").first().waitFor();
  await panel.getByText("condition is false").first().waitFor();
  await panel.getByText(/^403 Forbidden/).waitFor();
  seen("the steps, and the answer of the client");
  const step = panel.locator("li.step.condition.no").first();
  const line = Number(/\d+/.exec(await step.getByRole("button", { name: /^line/ }).textContent())[0]);
  await step.getByRole("button", { name: /^line/ }).click();
  const marked = await page.locator("#editor .cm-flash").textContent();
  assert.match(marked, /v\[0-9\]/);
  assert.ok(line > 20);
  seen("a step shows its line");
  await panel.getByRole("button", { name: /POST/ }).click();
  await panel.getByText(/goes on to the registry/).waitFor();
  seen("each request has its steps");
  await ask(page, "steal acme/app");
  await says(page, "nothing that a client does");
  await ask(page, "pull acme/app:v1");
  await says(page, "Allowed");
  await tab(page, "Request");
  await page.getByLabel("A tag that is pushed").selectOption("yes");
  await ask(page, "push acme/app:edge");
  await says(page, "Allowed");
  seen("words of a client, and what is known of a tag");
  await page.context().close();
}

async function configuration({ browser, site, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  await write(page, CONFIG.replace("accessControl", "acessControl"));
  const problem = page.locator("#problems").getByRole("button", { name: /acessControl/ });
  await problem.waitFor();
  await says(page, "The configuration has errors");
  await page.locator("#editor .cm-lintRange-error").first().waitFor();
  await problem.click();
  assert.match(await page.locator("#editor .cm-activeLine").first().textContent(), /acessControl/);
  seen("a mistake is shown at its place");
  await write(page, CONFIG.replace("username:", `validations: [{ expression: "claims.org.startsWith('acme')", message: no }], username:`));
  const danger = page.locator("#problems li.danger");
  await danger.getByText("write:").waitFor();
  assert.match(await danger.getByRole("link").getAttribute("href"), /docs\/lints.md#[a-z-]+$/);
  await danger.getByRole("button").click();
  assert.match(await page.locator("#editor .cm-activeLine").first().textContent(), /startsWith/);
  await browser.examine(page, "what check finds");
  seen("what check finds, with an advice and where to read about it");
  await write(page, CONFIG);
  await page.locator("#state.good").waitFor();
  await page.keyboard.press("Control+End");
  await page.keyboard.type("proxy:\n  mou");
  const option = page.locator("#editor .cm-tooltip-autocomplete li", { hasText: "mounts" });
  await option.waitFor();
  await page.locator("#editor .cm-completionInfo", { hasText: /mount/i }).waitFor();
  // The editor takes no completion that has only just appeared.
  await page.waitForTimeout(200);
  await page.keyboard.press("Enter");
  await page.keyboard.type("true");
  await page.locator("#state.good").waitFor();
  assert.match(await page.locator("#editor .cm-content").innerText(), /mounts: true/);
  seen("keys are completed, with their documentation");
  assert.ok((await page.locator("#editor .cel-root").count()) > 0);
  seen("expressions have colours");
  await page.locator("#format").selectOption("json");
  await page.locator("#state.bad").waitFor();
  await write(page, JSON.stringify({ http: { accessControl: { repositories: { "a/**": { anonymousPolicy: ["read"] } } } } }, null, "\t"));
  await ask(page, "pull a/b:1");
  await tab(page, "Who");
  await page.getByRole("radio", { name: /^Nobody/ }).check();
  await says(page, "Allowed");
  seen("JSON");
  await page.context().close();
}

async function who({ browser, site, samples, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  await write(page, CONFIG);
  await ask(page, "pull team/app:v1");
  await tab(page, "Who");
  await page.getByRole("radio", { name: /^User/ }).check();
  await page.getByLabel("Name", { exact: true }).fill("ann");
  await says(page, "Allowed");
  await page.getByLabel("Name", { exact: true }).fill("ben");
  await says(page, "Refused");
  await page.locator("#panel-decision .nearest", { hasText: "the user ann" }).waitFor({ state: "attached" });
  // Somebody may be called so.
  await page.getByLabel("Name", { exact: true }).fill("Nobody");
  await page.locator("#who", { hasText: "User Nobody" }).waitFor();
  await page.getByRole("radio", { name: /^Claims/ }).check();
  await page.getByLabel("Claims, a JSON object").fill('{ "iss": "https://i.example", "sub": "ann" }');
  await says(page, "Allowed");
  await page.getByLabel("Claims, a JSON object").fill("{");
  await page.getByText("This is no JSON object.").waitFor();
  await page.getByLabel("Claims, a JSON object").fill(`${'{"a":'.repeat(6000)}1${"}".repeat(6000)}`);
  await page.getByText("No filter reads claims with more than 64 levels.").waitFor();
  await page.getByRole("button", { name: "GitHub Actions" }).click();
  await says(page, "unknown_issuer");
  seen("users and claims");

  await page.getByRole("radio", { name: /^Token/ }).check();
  const now = Math.floor(Date.now() / 1000);
  const whole = { iss: "https://i.example", sub: "ann", aud: "registry", iat: now, exp: now + 600 };
  await page.getByLabel("Token, or the value of Authorization").fill(unsigned(whole));
  await says(page, "Allowed");
  await says(page, "signature not checked");
  await page.getByLabel("Token, or the value of Authorization").fill(unsigned({ ...whole, exp: undefined }));
  await says(page, "bad_claim");
  seen("a token is taken as it is, and the verdict says that nobody has verified it");

  await use(page, "secrets-manager");
  const { who } = samples.find(({ id }) => id === "secrets-manager").stories[0];
  await ask(page, "pull tools/lint:v1");
  await page.getByRole("radio", { name: /^Token/ }).check();
  const token = page.getByLabel("Token, or the value of Authorization");
  await token.fill(who.token);
  await page.getByLabel(/^Keys of its issuer/).fill(who.jwks);
  await says(page, "Allowed");
  await token.fill(`${who.token.slice(0, -6)}AAAAAA`);
  await says(page, "bad_signature");
  seen("a signature is verified in the page");

  await write(page, "http:\n  auth: { mtls: { identityAttributes: [URI] } }\n  accessControl: { repositories: { \"**\": { policies: [{ users: ['spiffe://x/ci'], actions: [read] }] } } }\n");
  await page.getByRole("radio", { name: /^Certificate/ }).check();
  await page.getByLabel("First URI").fill("spiffe://x/ci");
  await says(page, "Allowed");
  seen("names of a certificate");
  await browser.examine(page, "Who");
  await page.context().close();
}

async function matrix({ browser, site, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  await use(page, "kubernetes");
  await tab(page, "Matrix");
  const cell = page.getByRole("button", { name: /^user system:serviceaccount:shop:ci, shop\/web: read no, create yes, update yes, delete no/ });
  await cell.waitFor();
  await cell.click();
  const detail = page.locator("#panel-matrix .detail");
  await detail.getByText("policies[0] grants it").first().waitFor();
  seen("a cell explains itself");
  await page.keyboard.press("ArrowRight");
  assert.match(await page.evaluate(() => document.activeElement.dataset.at), /^\d+,\d+$/);
  await page.getByLabel("Repositories").fill("base");
  await page.locator("#panel-matrix thead", { hasText: "base/x" }).waitFor();
  await page.locator("#panel-matrix thead th", { hasText: "shop" }).first().waitFor({ state: "detached" });
  seen("the matrix is filtered");
  await page.getByLabel("Repositories").fill("");
  await cell.waitFor();
  await cell.click();
  await detail.getByRole("button", { name: /^All steps: update/ }).click();
  await says(page, "Allowed");
  assert.equal(await page.locator("#words").inputValue(), "PUT /v2/shop/web/manifests/v1");
  seen("a cell becomes a question");
  await tab(page, "Matrix");
  await browser.examine(page, "Matrix");
  await page.context().close();
}

async function tests({ browser, site, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  await write(page, CONFIG);
  await tab(page, "Tests");
  const panel = page.locator("#panel-tests");
  await panel.getByText("1 test passed").waitFor();
  await panel.getByText("Coverage 100 %").waitFor();
  await page.locator("#editor .cm-reached").first().waitFor();
  await write(page, CONFIG.replace("[read, create]", "[read]").replace("tests:", "    adminPolicy: { users: [root], actions: [delete] }\ntests:"));
  await panel.getByText("1 test of 1 failed").waitFor();
  await panel.getByText(/should be allowed/).waitFor();
  await panel.getByText("never granted anything").first().waitFor();
  await page.locator("#editor .cm-missed").first().waitFor();
  await page.locator("#badge-tests", { hasText: "1" }).waitFor();
  await browser.examine(page, "Tests");
  seen("tests run while the policy is written, with coverage in the margin");
  await page.context().close();
}

async function diff({ browser, site, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  await write(page, CONFIG);
  await page.locator("#state.good").waitFor();
  await tab(page, "Diff");
  const panel = page.locator("#panel-diff");
  await panel.getByRole("button", { name: /^Keep the present text/ }).click();
  await panel.getByText("No difference").waitFor();
  await write(page, CONFIG.replace("[read, create]", "[read, delete]"));
  await panel.getByText("1 added, 1 removed").waitFor();
  const added = panel.getByRole("listitem").filter({ hasText: "user ann delete in team/**" });
  await added.getByText("e.g. delete team:v1").click();
  const [who, ...verdicts] = await added.locator("dd").allTextContents();
  assert.equal(who, "User ann");
  assert.deepEqual(verdicts.map((text) => text.split(" ")[0]), ["REFUSED", "ALLOWED"]);
  await browser.examine(page, "Diff");
  await added.getByRole("button", { name: /^All steps/ }).click();
  await says(page, "Allowed");
  seen("what is added and what is removed");
  await page.context().close();
}

async function sharing({ browser, site, samples, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  const dialog = page.locator("#dialog");
  const shared = async () => {
    await page.getByRole("button", { name: "Share" }).click();
    return dialog.locator("#link").inputValue();
  };
  const close = () => dialog.getByRole("button", { name: "Close" }).click();
  const open = async (address) => {
    const other = await browser.open(site.base);
    await other.goto(address);
    await other.locator("#verdict .said", { hasText: /\w/ }).waitFor();
    return other;
  };
  // Claims are left out, until somebody wants them.
  await tab(page, "Request");
  await page.getByLabel(/^It happens at/).fill("2030-01-02T03:04:05");
  await tab(page, "Decision");
  let other = await open(await shared());
  // Nothing is decided for somebody who is not known.
  await says(other, "does not say who asks");
  assert.equal(await other.locator("#who").textContent(), "Somebody");
  assert.equal(await other.locator("#words").inputValue(), "push acme/app:v2.0");
  await tab(other, "Request");
  assert.equal(await other.getByLabel(/^It happens at/).inputValue(), "2030-01-02T03:04:05");
  await tab(other, "Who");
  assert.equal(await other.getByRole("radio", { checked: true }).count(), 0);
  await browser.examine(other, "a link without who asks");
  await other.getByRole("radio", { name: /^Nobody/ }).check();
  await other.locator("#verdict.refused, #verdict.unknown").waitFor();
  await says(other, "2030");
  await other.context().close();
  const without = await dialog.locator("#link").inputValue();
  await dialog.getByLabel(/With the claims/).check();
  await page.waitForFunction((without) => document.querySelector("#link").value !== without, without);
  await browser.examine(page, "Share");
  other = await open(await dialog.locator("#link").inputValue());
  await says(other, "versions are released by git tags");
  assert.equal(new URL(other.url()).hash, "");
  await other.context().close();
  const whole = await dialog.locator("#link").inputValue();
  await close();
  seen("a link has the question, and claims only if somebody wants them");

  const words = "pull acme/app:v1";
  const damaged = [
    whole.slice(0, -20),
    whole.replace("#1.", "#2."),
    `${site.base}#${link({ text: CONFIG, words: `${words}\n` })}`,
    `${site.base}#${link({ text: CONFIG, words, who: { kind: "root" } })}`,
    `${site.base}#${link({ text: CONFIG, words, at: Number.MAX_SAFE_INTEGER })}`,
    `${site.base}#${link({ text: CONFIG, words, who: { kind: "user", name: "ann\u200b" } })}`,
    `${site.base}#${link(`{"text":"","words":"","who":{"kind":"claims","claims":${'{"a":'.repeat(6000)}1${"}".repeat(6001)}}`)}`,
  ];
  other = await open(damaged[0]);
  for (const address of damaged) {
    const { hash } = new URL(address);
    await other.evaluate((hash) => {
      location.hash = hash;
    }, hash);
    await other.getByRole("alert").getByText(/could not be read/).waitFor();
    assert.equal(new URL(other.url()).hash, "");
    assert.equal(await other.locator("#who").textContent(), await page.locator("#who").textContent());
    await other.getByRole("button", { name: "Close" }).click();
    await other.getByRole("alert").waitFor({ state: "hidden" });
  }
  await other.context().close();
  seen("a damaged link says so");

  await use(page, "secrets-manager");
  await says(page, "Allowed");
  const { who } = samples.find(({ id }) => id === "secrets-manager").stories[0];
  other = await open(await shared());
  await says(other, "does not say who asks");
  const kept = await other.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie, history.state]));
  assert.ok(!kept.includes(who.token.slice(0, 20)));
  await other.context().close();
  await close();
  await page.evaluate(async (token) => {
    const names = await caches.keys();
    const kept = JSON.stringify([localStorage, sessionStorage, document.cookie, history.state, location.href, names]);
    if (kept.includes(token)) {
      throw new Error("the token is kept");
    }
  }, who.token);
  seen("a token is in no link, and kept nowhere");

  await write(page, `${CONFIG}\n# ${who.token}\n`);
  await page.locator("#state.good").waitFor();
  await page.getByRole("button", { name: "Share" }).click();
  await dialog.getByText(/hold secrets/).waitFor();
  assert.equal(await dialog.locator("#link").count(), 0);
  seen("no link of a configuration with secrets");
  await page.context().close();
}
