// What a person does with the page.

import { deflateRawSync } from "node:zlib";

/** A link as the page makes it, or would never make it. */
export const link = (shared) => `1.${deflateRawSync(Buffer.from(typeof shared === "string" ? shared : JSON.stringify(shared))).toString("base64url")}`;

/** A token that nobody has signed. */
export function unsigned(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "ES256" })}.${part(claims)}.${"A".repeat(86)}`;
}

export const tab = (page, name) => page.getByRole("tab", { name, exact: false }).click();

/** The line above the tabs. */
export const verdict = (page) => page.locator("#verdict");

export async function says(page, text) {
  await page.locator("#verdict", { hasText: text }).waitFor();
}

/** Writes another configuration, as a paste does. */
export async function write(page, text) {
  await page.locator("#editor .cm-content").click();
  await page.keyboard.press("Control+a");
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    const content = document.querySelector("#editor").shadowRoot.querySelector(".cm-content");
    content.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, text);
}

export async function ask(page, words) {
  await page.locator("#words").fill(words);
}

export async function use(page, sample) {
  await page.locator("#sample").selectOption(sample);
}

/** Opens the page and waits until it has decided. */
export async function load(page, base, fragment = "") {
  await page.goto(base + fragment);
  await page.locator("#verdict.allowed, #verdict.refused, #verdict.unknown").waitFor();
}
