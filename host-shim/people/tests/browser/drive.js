// Drives the pages with Chromium. Arguments: the address of the pages, the program of the browser, a folder for
// screenshots. It prints a line for each thing that it has seen, and fails at the first that is otherwise.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { chromium } from "playwright-core";

const [base, executablePath, screenshots] = process.argv.slice(2);
await mkdir(screenshots, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

const SIZES = { phone: { width: 390, height: 844 }, wide: { width: 1280, height: 800 } };
const LABELS = { oidc: "Example", gitlab: "GitLab", google: "Google" };
const problems = [];

async function open(options = {}) {
  const context = await browser.newContext({ viewport: SIZES.wide, ...options });
  context.setDefaultTimeout(15000);
  const page = await context.newPage();
  page.on("console", (message) => {
    // A status that is a refusal is what some tests want to see.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      problems.push(`${page.url()}: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => problems.push(`${page.url()}: ${error}`));
  return page;
}

async function picture(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.ok(overflow <= 0, `${name} is wider than a ${size} by ${overflow} pixels`);
      await page.screenshot({ path: path.join(screenshots, `${name}-${colorScheme}-${size}.png`), fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(SIZES.wide);
}

function seen(what) {
  console.log(`seen: ${what}`);
}

// The page of the provider: any name, any password, then the consent.
async function atProvider(page, account) {
  await page.waitForURL(/\/interaction\//).catch(async (error) => {
    console.log(page.url(), await page.innerText("body"));
    throw error;
  });
  await page.fill("input[name=login]", account);
  await page.fill("input[name=password]", "x");
  await page.click("button[type=submit]");
  await page.getByRole("button", { name: "Continue" }).click();
}

const cookie = async (page, name) => (await page.context().cookies(base)).find((found) => found.name === name);

// 1. A provider of each kind of client, a key, logout.
for (const [name, label] of Object.entries(LABELS)) {
  const page = await open();
  await page.goto(`${base}/login`);
  if (name === "oidc") {
    await picture(page, "login");
  }
  await page.getByRole("link", { name: `Continue with ${label}` }).click();
  await atProvider(page, "ann.provider");
  await page.waitForURL(`${base}/login/keys`);
  await page.getByText("ann.provider@example.org at").waitFor();
  const session = await cookie(page, "session");
  assert.equal(session.httpOnly, true);
  assert.equal(session.sameSite, "Lax");
  assert.equal(await cookie(page, "ra_login"), undefined);
  assert.equal(await page.evaluate("document.cookie"), "user=ann.provider@example.org");
  seen(`login by ${name}`);

  if (name === "oidc") {
    await picture(page, "keys-none");
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: base });
    await page.getByLabel("Name").fill('<b>laptop</b> & "co"');
    await page.getByLabel("Ends after").selectOption({ label: "30 days" });
    await page.getByText("Only for some repositories").click();
    await page.getByLabel("One a line").fill("repository:team/**:pull\nrepository:x:pull,push");
    await page.getByRole("button", { name: "Make key" }).click();
    const key = await page.getByRole("textbox", { name: "New key" }).inputValue();
    assert.match(key, /^zak_[0-9a-f]{32}$/);
    await page.getByRole("button", { name: "Copy" }).click();
    await page.getByText("Copied.").waitFor();
    assert.equal(await page.evaluate("navigator.clipboard.readText()"), key);
    assert.ok(await page.getByText('<b>laptop</b> & "co"').isVisible());
    assert.ok(await page.getByText(/^docker login 127\.0\.0\.1:\d+ -u ann\.provider@example\.org$/).isVisible());
    await picture(page, "keys-new");
    seen("a key is made, shown and copied");

    await page.goto(`${base}/login/keys`);
    assert.ok(!(await page.content()).includes(key));
    await page.getByText("repository:team/**:pull repository:x:pull,push").waitFor();
    seen("a key is shown once");

    await page.getByRole("button", { name: 'Delete <b>laptop</b> & "co"' }).click();
    await page.getByText("You have no keys yet.").waitFor();
    seen("a key is deleted");
  }

  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Logged out" }).waitFor();
  assert.equal(await cookie(page, "session"), undefined);
  assert.equal(await cookie(page, "user"), undefined);
  if (name === "oidc") {
    await picture(page, "logged-out");
  }
  await page.context().addCookies([{ ...session }]);
  await page.goto(`${base}/login/keys`);
  assert.equal(new URL(page.url()).pathname, "/login", "an ended session is no session");
  seen(`the session of ${name} has ended`);
  await page.context().clearCookies({ name: "session" });

  await page.goto(`${base}/login`);
  await page.getByRole("link", { name: `Continue with ${label}` }).click();
  await page.waitForURL(`${base}/login/keys`);
  seen(`the provider of ${name} remembers its own session`);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("link", { name: `Log out at ${label} too` }).click();
  await page.getByRole("button", { name: /yes/i }).click();
  await page.waitForURL(`${base}/login`);
  seen(`logout at the provider of ${name}`);
  await page.context().close();
}

{
  const page = await open();
  await page.goto(`${base}/login`);
  await page.getByRole("link", { name: "Continue with GitHub" }).click();
  await page.getByText("octo@example.org at").waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Logged out" }).waitFor();
  assert.equal(await page.getByRole("link", { name: /Log out at/ }).count(), 0);
  seen("login by GitHub");
  await page.context().close();
}

// 2. What a provider refuses, and what we refuse.
{
  const page = await open();
  await page.goto(`${base}/login`);
  await page.getByRole("link", { name: "Continue with Example" }).click();
  await page.waitForURL(/\/interaction\//);
  await page.getByRole("link", { name: /cancel/i }).click();
  await page.getByText("provider_refused").waitFor();
  assert.ok(!(await page.content()).includes("access_denied"));
  await picture(page, "error");
  seen("a login that was cancelled");

  await page.goto(`${base}/zot/auth/login?provider=oidc`);
  await atProvider(page, "mallory");
  await page.getByText("address_not_verified").waitFor();
  seen("an address that is not verified");
  await page.context().clearCookies();

  await page.goto(`${base}/zot/auth/login?provider=oidc`);
  await atProvider(page, "reserved");
  await page.getByText("name_taken").waitFor();
  seen("a name that is somebody else's");
  await page.context().close();
}

// 3. A callback is used once, and in its own browser.
{
  const page = await open();
  await page.goto(`${base}/zot/auth/login?provider=oidc&callback_ui=/home`);
  const atCallback = `${base}/zot/auth/callback/oidc`;
  const [login] = await page.context().cookies(atCallback);
  assert.deepEqual([login.name, login.httpOnly, login.sameSite], ["ra_login", true, "Lax"]);
  const callbacks = [];
  page.on("request", (request) => request.url().startsWith(atCallback) && callbacks.push(request.url()));
  await atProvider(page, "ann.provider");
  await page.waitForURL(`${base}/home`);

  const other = await open();
  await other.goto(`${base}/zot/auth/login?provider=oidc&callback_ui=/home`);
  await other.goto(callbacks[0]);
  await other.getByText("wrong_state").waitFor();
  seen("a callback in another browser");
  await page.context().addCookies([login]);
  await page.goto(callbacks[0]);
  await page.getByText("login_expired").waitFor();
  seen("a callback is used once");
  await other.context().close();
  await page.context().close();
}

// 4. A password, with the keyboard alone.
{
  const page = await open();
  await page.goto(`${base}/login`);
  await page.getByLabel("User name").focus();
  await page.keyboard.type("ann");
  await page.keyboard.press("Tab");
  await page.keyboard.type("wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("User name or password is wrong.").waitFor();
  assert.equal(await page.getByLabel("User name").inputValue(), "ann");
  assert.equal(await page.getByLabel("Password").inputValue(), "");
  await picture(page, "login-wrong");
  await page.getByLabel("Password").focus();
  await page.keyboard.type("secret");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${base}/login/keys`);
  await page.getByText("ann at").waitFor();
  seen("a password, by the keyboard");

  for (const label of ["laptop", "CI of team-a"]) {
    await page.getByLabel("Name").fill(label);
    await page.getByRole("button", { name: "Make key" }).click();
    await page.getByRole("textbox", { name: "New key" }).waitFor();
  }
  await page.goto(`${base}/login/keys`);
  await picture(page, "keys-list");

  const first = await cookie(page, "session");
  await page.goto(`${base}/login`);
  await page.getByText("You are logged in as").waitFor();
  await picture(page, "login-again");
  await page.getByLabel("User name").fill("ann");
  await page.getByLabel("Password").fill("secret");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(`${base}/login/keys`);
  const second = await cookie(page, "session");
  assert.notEqual(first.value, second.value);
  await page.context().addCookies([first]);
  await page.goto(`${base}/login/keys`);
  assert.equal(new URL(page.url()).pathname, "/login");
  seen("the session before a login ends with it");
  await page.context().addCookies([second]);

  // Another site (another host name of this machine) posts a form with the cookies that SameSite lets through.
  const evil = await page.context().newPage();
  const site = base.replace("127.0.0.1", "localhost");
  await evil.route(`${site}/evil`, (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<form method="post" action="${base}/login/logout"><button>go</button></form>`,
    }),
  );
  await evil.goto(`${site}/evil`);
  await evil.getByRole("button", { name: "go" }).click();
  await evil.getByText("other_site").waitFor();
  await page.goto(`${base}/login/keys`);
  await page.getByText("ann at").waitFor();
  seen("a form of another site is refused");

  // A user interface as zot's; our own pages may not fetch anything.
  await page.goto(`${base}/home`);
  const answer = await page.evaluate(async () => {
    const response = await fetch("/zot/auth/logout", { method: "POST", headers: { "X-ZOT-API-CLIENT": "zot-ui" } });
    return [response.status, await response.text()];
  });
  assert.deepEqual(answer, [200, "{}"]);
  assert.equal(await cookie(page, "session"), undefined);
  seen("logout by the user interface");
  await page.context().close();
}

// 5. Without scripts.
{
  const page = await open({ javaScriptEnabled: false });
  await page.goto(`${base}/login`);
  await page.getByLabel("User name").fill("ann");
  await page.getByLabel("Password").fill("secret");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByLabel("Name").fill("no scripts");
  await page.getByRole("button", { name: "Make key" }).click();
  assert.match(await page.getByRole("textbox", { name: "New key" }).inputValue(), /^zak_/);
  assert.equal(await page.getByRole("button", { name: "Copy" }).count(), 0);
  seen("all of it without scripts");
  await page.context().close();
}

assert.deepEqual(problems, [], "messages of the browser, such as refusals of the Content-Security-Policy");
seen("no complaint of the browser");
await browser.close();
