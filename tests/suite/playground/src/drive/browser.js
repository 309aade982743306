// The browser, with everything noted that it complains about.

import { readFile } from "node:fs/promises";
import assert from "node:assert/strict";
import path from "node:path";
import { chromium } from "playwright-core";

export const SIZES = { phone: { width: 390, height: 844 }, wide: { width: 1440, height: 900 } };

export class Browser {
  problems = [];
  foreign = [];

  static async start(executablePath, axe, screenshots) {
    const browser = new Browser();
    browser.chromium = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    browser.axe = await readFile(axe, "utf8");
    browser.screenshots = screenshots;
    return browser;
  }

  /** A page of its own, which may ask `base` for files and nobody else. */
  async open(base, options = {}) {
    const context = await this.chromium.newContext({ viewport: SIZES.wide, ...options });
    context.setDefaultTimeout(60_000);
    await context.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && this.problems.push(message.text()));
    page.on("pageerror", (error) => this.problems.push(String(error)));
    context.on("request", (request) => {
      if (!request.url().startsWith(base) && !request.url().startsWith("blob:")) {
        this.foreign.push(request.url());
      }
    });
    return page;
  }

  /** Fails if axe finds something serious, or the page is wider than its window. */
  async examine(page, name) {
    // In a world of its own, where the policy of the page does not forbid it.
    const client = await page.context().newCDPSession(page);
    const { frameTree } = await client.send("Page.getFrameTree");
    const { executionContextId } = await client.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
    const run = async (expression) => {
      const answer = await client.send("Runtime.evaluate", { expression, contextId: executionContextId, awaitPromise: true, returnByValue: true });
      assert.equal(answer.exceptionDetails, undefined, JSON.stringify(answer.exceptionDetails));
      return answer.result.value;
    };
    await run(`${this.axe};0`);
    const found = await run(
      "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html, failureSummary }) => html.slice(0, 160) + ' ' + failureSummary).slice(0, 3) })))",
    );
    await client.detach();
    const serious = found.filter(({ impact }) => impact === "serious" || impact === "critical");
    assert.deepEqual(serious, [], `axe in ${name}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${name} is wider than its window by ${overflow} pixels`);
  }

  async picture(page, name) {
    await page.screenshot({ path: path.join(this.screenshots, `playground-${name}.png`) });
  }
}
