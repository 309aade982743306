// The dialog Share: what a link would have, and what it must not have.

import { byId, h, show } from "./dom";
import { withoutSecrets, write } from "./link";
import { isServed } from "./own";
import { ask } from "./session";
import { state } from "./store";
import { lineLink } from "./views/parts";

export async function share(): Promise<void> {
  const dialog = byId<HTMLDialogElement>("dialog");
  // What it had the last time is of another configuration.
  show(dialog);
  const close = h("button", { type: "button", click: () => dialog.close() }, "Close");
  const title = h("h2", { id: "dialog-title" }, "Share");
  // What is searched is what is shared, whatever is changed meanwhile.
  const { text, format, words, tagExists, at, tab, who: asking } = state;
  const found = await ask("secrets", { text, format, words, who: withoutSecrets(asking, true) });
  if (!found) {
    return;
  }
  const secrets = "value" in found ? found.value.secrets : [];
  if ("error" in found || secrets.length > 0) {
    const said = "error" in found ? found.error : "A link would hold secrets: whoever has it has all that is in it, the configuration too. Take them out first:";
    const items = secrets.map(({ path, what, place }) =>
      h("li", {}, h("code", {}, path || "a comment"), ` ${what} `, place && closing(dialog, lineLink(place))),
    );
    show(dialog, title, h("p", { class: "message bad" }, said), h("ul", {}, ...items), h("div", { class: "row end" }, close));
    dialog.showModal();
    return;
  }
  const link = h("input", { readonly: true, id: "link", "aria-label": "The link" });
  const what = h("p", {});
  const claims = h("input", { type: "checkbox", id: "with-claims" });
  const renew = async (): Promise<void> => {
    const { checked } = claims;
    const who = withoutSecrets(asking, checked);
    const fragment = await write({ text, format, words, tagExists, at, tab, who });
    if (checked !== claims.checked) {
      return;
    }
    const address = new URL(location.href);
    address.hash = fragment;
    address.search = "";
    link.value = address.href;
    what.textContent =
      who.kind === "unsaid"
        ? "The link has the configuration and the request. Who asks is not in it: whoever opens it has to choose somebody before anything is decided. It is in the part of the address that no server gets."
        : "The link has the configuration, the request and who asks. It is in the part of the address that no server gets.";
  };
  claims.addEventListener("change", () => void renew());
  const copied = h("span", { role: "status", class: "quiet" });
  const copy = async (): Promise<void> => {
    link.select();
    try {
      await navigator.clipboard.writeText(link.value);
      copied.textContent = "Copied.";
    } catch {
      copied.textContent = "Copy the marked text.";
    }
  };
  await renew();
  show(
    dialog,
    title,
    what,
    isServed() &&
      h("p", { class: "message bad" }, "This address is that of the program on your machine, and whoever knows it and can reach the program gets your configuration as it is at any time: put what follows # behind the address of another playground."),
    asking.kind === "token" && h("p", { class: "message safe" }, "The token and its keys are not in it."),
    asking.kind === "certificate" && Boolean(asking.pem) && h("p", { class: "message safe" }, "The certificate is not in it."),
    state.old !== null && h("p", { class: "quiet" }, "The older configuration of Diff is not in it."),
    asking.kind === "claims" &&
      h("label", { class: "check" }, claims, h("span", {}, h("b", {}, "With the claims. "), "They may name people, projects and machines: whoever has the link can read them.")),
    link,
    h("div", { class: "row end" }, copied, h("button", { type: "button", class: "main", click: () => void copy() }, "Copy"), close),
  );
  dialog.showModal();
}

function closing(dialog: HTMLDialogElement, button: HTMLElement | null): HTMLElement | null {
  button?.addEventListener("click", () => dialog.close());
  return button;
}
