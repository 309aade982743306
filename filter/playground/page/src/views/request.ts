// The tab Request: what is done, in the words of a client or as a request, and what is known besides.

import { h, show } from "../dom";
import { decide } from "../session";
import type { Story } from "../sample-data";
import { set, state, watch } from "../store";

const EXAMPLES = [
  ["pull team/app:v1", "the manifest and its layers"],
  ["push team/app:v1", "the layers, then a tag"],
  ["overwrite team/app:v1", "a push of a tag that exists"],
  ["delete team/app:v1", "a manifest"],
  ["list team/app", "the tags"],
  ["mount team/app from team/base", "a layer of another repository"],
  ["catalog", "the names of all repositories"],
  ["GET /v2/team/app/referrers/sha256:…", "any request"],
] as const;

const DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

export function requestView(panel: HTMLElement, stories: () => Story[], play: (story: Story) => void): void {
  const shown = h("div", {});
  const tag = h(
    "select",
    { id: "tag-exists", change: (event) => void change((event.target as HTMLSelectElement).value) },
    h("option", { value: "" }, "is not known: both are needed"),
    h("option", { value: "no" }, "does not exist: create is needed"),
    h("option", { value: "yes" }, "exists: update is needed"),
  );
  const moment = h("input", { type: "datetime-local", id: "moment", step: 1, change: (event) => at(event.target as HTMLInputElement) });
  panel.append(
    shown,
    h("h3", {}, "What else is known"),
    h(
      "div",
      { class: "grid" },
      h("label", { class: "field" }, h("span", {}, "A tag that is pushed"), tag),
      h("label", { class: "field" }, h("span", {}, "It happens at (empty is now)"), moment),
    ),
    h("h3", {}, "What a client can do"),
    h(
      "ul",
      { class: "examples" },
      ...EXAMPLES.map(([words, meaning]) =>
        h(
          "li",
          {},
          h("button", { type: "button", class: "example", click: () => use(words.replace("sha256:…", DIGEST)) }, words),
          h("span", { class: "quiet" }, meaning),
        ),
      ),
    ),
  );
  watch(["text"], () => {
    const all = stories();
    shown.hidden = all.length === 0;
    show(
      shown,
      h("h3", {}, "Try in this sample"),
      h("ul", { class: "stories" }, ...all.map((story) => h("li", {}, h("button", { type: "button", class: "story", click: () => play(story) }, story.text)))),
    );
  });
  watch(["tagExists", "at"], () => {
    tag.value = state.tagExists === null ? "" : state.tagExists ? "yes" : "no";
    moment.value = state.at === null ? "" : local(state.at);
  });
}

function use(words: string): void {
  set({ words });
  void decide();
}

async function change(value: string): Promise<void> {
  set({ tagExists: value === "" ? null : value === "yes" });
  await decide();
}

function at(input: HTMLInputElement): void {
  const time = input.value === "" ? Number.NaN : new Date(input.value).getTime();
  set({ at: Number.isNaN(time) ? null : Math.floor(time / 1000) });
  void decide();
}

function local(seconds: number): string {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
