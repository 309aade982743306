// Rows of the scenarios: the module of the page gives the same answers as the same code natively.

import assert from "node:assert/strict";

export async function rows({ browser, site, seen, rows }) {
  const page = await browser.open(site.base);
  await page.goto(site.base);
  // The worker of the page is asked itself, without the page around it.
  const answers = await page.evaluate(
    async ({ base, rows }) => {
      const worker = new Worker(`${base}worker.js`, { type: "module" });
      const module = await WebAssembly.compile(await (await fetch(`${base}engine.wasm`)).arrayBuffer());
      await new Promise((resolve, reject) => {
        worker.onmessage = resolve;
        worker.onerror = reject;
        worker.postMessage({ module });
      });
      const ask = (name, question) =>
        new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => (data.failed ? reject(new Error("the engine has ended")) : resolve(JSON.parse(data.answer)));
          worker.onerror = reject;
          worker.postMessage({ id: 0, name, question: JSON.stringify(question) });
        });
      const answers = [];
      for (const { load, question, check, found } of rows) {
        answers.push([await ask("load", load), await ask("decide", question), found && (await ask("check", check))]);
      }
      return answers;
    },
    { base: site.base, rows: rows.map(({ load, question, check, found }) => ({ load, question, check, found: found !== null })) },
  );
  const verdicts = {};
  for (const [index, { name, checked, decided, found }] of rows.entries()) {
    const [pageChecked, pageDecided, pageFound] = answers[index];
    assert.deepEqual(pageChecked, checked, name);
    assert.deepEqual(pageDecided, decided, name);
    if (found !== null) {
      assert.deepEqual(pageFound, found, name);
    }
    const verdict = decided.verdict ?? "error";
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
  }
  assert.ok(verdicts.allowed > 50 && verdicts.refused > 50, JSON.stringify(verdicts));
  console.log(`rows: ${rows.length}, ${JSON.stringify(verdicts)}`);
  seen("the rows of the scenarios are decided as natively");
  await page.context().close();
}
