// Input that somebody has made to break the page.

import assert from "node:assert/strict";
import { ask, load, says, tab, use, write } from "./page.js";

const POLICY = (expression) => `http:
  auth: { mtls: {} }
  accessControl:
    repositories:
      "team/**":
        policies:
        - users: [ann]
          actions: [read]
          conditions:
          - { expression: "${expression}", message: no }
`;

export async function hostile({ browser, site, seen }) {
  const page = await browser.open(site.base);
  await load(page, site.base);
  await page.evaluate(() => {
    window.pauses = [];
    new PerformanceObserver((list) => window.pauses.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask", buffered: false });
  });
  const usable = async (what) => {
    await use(page, "github");
    await says(page, "versions are released by git tags");
    const pauses = await page.evaluate(() => window.pauses.splice(0));
    const longest = Math.max(0, ...pauses);
    console.log(`hostile: ${what}: the longest pause was ${Math.round(longest)} ms`);
    seen(`the page survives ${what}`);
  };

  await write(page, `a: "${"x".repeat(10 << 20)}"`);
  await page.locator("#state.bad").waitFor();
  await usable("10 MB in one line");
  await write(page, "- a\n".repeat((10 << 20) / 4));
  await page.locator("#state.bad").waitFor();
  await usable("10 MB in lines");

  await write(page, "[".repeat(100_000));
  await page.locator("#state.bad").waitFor();
  await write(page, `a: ${"{ a: ".repeat(20_000)}`);
  await page.locator("#state.bad").waitFor();
  await usable("nesting");

  const aliases = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (let level = 0; level < 12; level += 1) {
    const last = String.fromCharCode(97 + level);
    const next = String.fromCharCode(98 + level);
    aliases.push(`${next}: &${next} [${Array(9).fill(`*${last}`).join(", ")}]`);
  }
  await write(page, aliases.join("\n"));
  await page.locator("#state.bad").waitFor();
  await usable("aliases of aliases");

  await write(page, POLICY("[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, [1,2,3,4,5,6,7,8,9,10].all(f, a + b + c + d + e + f > 0))))))"));
  await page.locator("#state").waitFor();
  await ask(page, "pull team/app:v1");
  await page.waitForTimeout(300);
  await write(page, POLICY(`'${"a".repeat(5000)}'.matches('${"(a*)*".repeat(200)}')`));
  await ask(page, "pull team/app:v2");
  await page.waitForTimeout(300);
  await usable("expressions that take long");

  await write(page, "http: { \u0000: \ud800, \ufffd\ufffd: \u202e }");
  await page.locator("#state.bad").waitFor();
  await usable("text that is no text");

  await tab(page, "Who");
  await page.getByRole("radio", { name: /^Token/ }).check();
  const claims = { iss: "https://token.actions.githubusercontent.com", sub: "x", repository: "acme/app", repository_owner_id: "9919", groups: Array.from({ length: 500 }, (_, index) => `group-${index}-${"x".repeat(40)}`) };
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "RS256", kid: "k" })}.${part(claims)}.${"A".repeat(342)}`;
  await page.getByLabel("Token, or the value of Authorization").fill(token);
  await page.locator("#verdict.refused, #verdict.allowed").waitFor();
  await page.getByLabel("Token, or the value of Authorization").fill(`${token}${"A".repeat(1 << 20)}`);
  await page.locator("#verdict", { hasText: /longer|no token/ }).waitFor();
  await usable("a token with 500 groups");

  await page.evaluate(() => {
    location.hash = `1.${"A".repeat(100_000)}`;
  });
  await page.evaluate(async () => {
    const bomb = new Uint8Array(await new Response(new Blob([new Uint8Array(64 << 20)]).stream().pipeThrough(new CompressionStream("deflate-raw"))).arrayBuffer());
    let text = "";
    for (const byte of bomb) {
      text += String.fromCharCode(byte);
    }
    window.pauses.splice(0);
    location.hash = `1.${btoa(text).replaceAll("+", "-").replaceAll("/", "_")}`;
  });
  await page.waitForTimeout(300);
  await usable("a link that unpacks to 64 MB");
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  await page.context().close();
}
