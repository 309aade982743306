// The tab Who: somebody who asks. What is written here stays in this page.

import type { Who } from "../../../types";
import { h, show } from "../dom";
import { isTooDeep, MAX_NESTING } from "../nesting";
import { decide } from "../session";
import { type Asking, set, state, watch } from "../store";

type Kind = Who["kind"];

const KINDS: [Kind, string, string][] = [
  ["anonymous", "Nobody", "no credential"],
  ["user", "User", "of a login, with groups"],
  ["claims", "Claims", "of a token, as you write them"],
  ["token", "Token", "one that you have"],
  ["certificate", "Certificate", "of a client"],
];

const EXAMPLES: Record<string, Record<string, unknown>> = {
  "GitHub Actions": {
    iss: "https://token.actions.githubusercontent.com",
    sub: "repo:acme/app:ref:refs/heads/main",
    repository: "acme/app",
    repository_id: "12345",
    repository_owner: "acme",
    repository_owner_id: "9919",
    ref: "refs/heads/main",
    ref_type: "branch",
    event_name: "push",
  },
  "GitLab CI": {
    iss: "https://gitlab.com",
    sub: "project_path:acme/app:ref_type:branch:ref:main",
    namespace_path: "acme",
    project_path: "acme/app",
    project_id: "42",
    ref: "main",
    ref_type: "branch",
    ref_protected: "true",
  },
  Kubernetes: {
    iss: "https://kubernetes.default.svc",
    sub: "system:serviceaccount:shop:ci",
    "kubernetes.io": { namespace: "shop", serviceaccount: { name: "ci", uid: "0c3d9f1e" } },
  },
};

/** What was written for each kind, so that another choice loses nothing. */
const drafts: { [K in Kind]: Extract<Who, { kind: K }> } = {
  anonymous: { kind: "anonymous" },
  user: { kind: "user", name: "ann", groups: [] },
  claims: { kind: "claims", claims: {} },
  token: { kind: "token", token: "", jwks: "" },
  certificate: { kind: "certificate", commonName: "ann", uri: "", dns: "", pem: "" },
};

/** Who asks, in a few words. */
export function nameOf(who: Asking): string {
  switch (who.kind) {
    case "unsaid":
      return "Somebody";
    case "anonymous":
      return "Nobody";
    case "user":
      // Somebody may be called Nobody.
      return who.name === "" ? "A user without a name" : [`User ${who.name}`, ...(who.groups.length > 0 ? [who.groups.join(", ")] : [])].join(" of ");
    case "claims": {
      const sub = who.claims["sub"] ?? who.claims["repository"] ?? who.claims["project_path"] ?? who.claims["preferred_username"];
      return typeof sub === "string" ? `Claims of ${sub}` : "Claims";
    }
    case "token":
      return who.jwks ? "A token, with keys" : "A token";
    case "certificate":
      return `Certificate of ${who.pem ? "a client" : [who.commonName, who.uri, who.dns].filter(Boolean).join(", ") || "nobody"}`;
  }
}

/** The one whose fields are shown. */
let shown: Asking | null = null;

function use(who: Who): void {
  (drafts as Record<Kind, Who>)[who.kind] = who;
  shown = who;
  set({ who });
  void decide();
}

export function whoView(panel: HTMLElement): void {
  const form = h("div", { class: "form" });
  const kinds = h(
    "div",
    { class: "kinds", role: "radiogroup", "aria-label": "Who asks" },
    ...KINDS.map(([kind, name, hint]) =>
      h(
        "label",
        { class: "kind" },
        h("input", { type: "radio", name: "kind", value: kind, change: () => choose(kind) }),
        h("span", {}, h("b", {}, name), h("span", { class: "quiet" }, hint)),
      ),
    ),
  );
  const choose = (kind: Kind): void => {
    use(drafts[kind]);
    show(form, ...fields(state.who));
  };
  panel.append(kinds, form);
  watch(["who", "checked"], () => {
    // Nobody loses the place where something is being written.
    if (state.who === shown && form.contains(document.activeElement)) {
      return;
    }
    shown = state.who;
    if (state.who.kind !== "unsaid") {
      (drafts as Record<Kind, Who>)[state.who.kind] = state.who;
    }
    for (const input of kinds.querySelectorAll("input")) {
      input.checked = input.value === state.who.kind;
    }
    show(form, ...fields(state.who));
  });
}

function fields(who: Asking): HTMLElement[] {
  switch (who.kind) {
    case "unsaid":
      return [h("p", { class: "message warn" }, "The link does not say who asks: tokens and certificates are never in one, and claims only if its sender wants that. Choose somebody above.")];
    case "anonymous":
      return [h("p", { class: "quiet" }, "A request without Authorization. A client would be asked for a credential where nobody may do it.")];
    case "user":
      return userFields(who);
    case "claims":
      return claimFields(who);
    case "token":
      return tokenFields(who);
    case "certificate":
      return certificateFields(who);
  }
}

function text(label: string, value: string, changed: (value: string) => void, more: Record<string, string> = {}): HTMLElement {
  const input = h("input", { value, spellcheck: "false", autocomplete: "off", ...more, input: (event) => changed((event.target as HTMLInputElement).value) });
  return h("label", { class: "field" }, h("span", {}, label), input);
}

function area(label: string, value: string, rows: number, changed: (value: string, area: HTMLTextAreaElement) => void): HTMLElement {
  const input = h("textarea", { rows, spellcheck: "false", autocomplete: "off", autocapitalize: "off" }, value);
  input.addEventListener("input", () => changed(input.value, input));
  return h("label", { class: "field" }, h("span", {}, label), input);
}

function userFields(who: Extract<Who, { kind: "user" }>): HTMLElement[] {
  let current = who;
  const change = (part: Partial<typeof who>): void => {
    current = { ...current, ...part };
    use(current);
  };
  return [
    text("Name", who.name, (name) => change({ name })),
    text("Groups, separated by commas", who.groups.join(", "), (groups) =>
      change({ groups: groups.split(",").map((group) => group.trim()).filter(Boolean) }),
    ),
    h("p", { class: "quiet" }, "Groups that the configuration gives the user are added."),
  ];
}

function claimFields(who: Extract<Who, { kind: "claims" }>): HTMLElement[] {
  const written = { ...(who.issuer && !("iss" in who.claims) ? { iss: who.issuer } : {}), ...who.claims };
  const wrong = h("p", { class: "message bad", role: "alert" });
  wrong.hidden = true;
  const box = area("Claims, a JSON object", JSON.stringify(written, null, 2), 12, (value, input) => {
    let claims: unknown = null;
    try {
      claims = JSON.parse(value);
    } catch {
      claims = null;
    }
    const isObject = claims !== null && typeof claims === "object" && !Array.isArray(claims);
    const isRead = isObject && !isTooDeep(claims);
    wrong.hidden = isRead;
    wrong.textContent = isObject ? `No filter reads claims with more than ${MAX_NESTING} levels.` : "This is no JSON object.";
    input.setAttribute("aria-invalid", String(!isRead));
    if (isRead) {
      use({ kind: "claims", claims: claims as Record<string, unknown> });
    }
  });
  const issuers = state.checked && "value" in state.checked ? state.checked.value.issuers : [];
  const fill = (claims: Record<string, unknown>): void => {
    const input = box.querySelector("textarea");
    if (input) {
      input.value = JSON.stringify(claims, null, 2);
      input.dispatchEvent(new Event("input"));
    }
  };
  const buttons = [
    ...Object.entries(EXAMPLES).map(([name, claims]) => h("button", { type: "button", click: () => fill(claims) }, name)),
    ...issuers
      .filter((issuer) => !Object.values(EXAMPLES).some((claims) => claims["iss"] === issuer))
      .map((issuer) => h("button", { type: "button", click: () => fill({ ...current(box), iss: issuer }) }, issuer)),
  ];
  return [
    h("div", { class: "row", role: "group", "aria-label": "Claims to begin with" }, h("span", { class: "quiet" }, "Begin with"), ...buttons),
    box,
    wrong,
    h("p", { class: "quiet" }, "aud, sub, iat and exp are filled in where they are missing. Nobody has signed these claims: they become a report, never a token."),
  ];
}

function current(box: HTMLElement): Record<string, unknown> {
  try {
    return JSON.parse(box.querySelector("textarea")?.value ?? "{}") as Record<string, unknown>;
  } catch {
    return {};
  }
}

function tokenFields(who: Extract<Who, { kind: "token" }>): HTMLElement[] {
  let now = who;
  const change = (part: Partial<typeof who>): void => {
    now = { ...now, ...part };
    use(now);
  };
  return [
    h("p", { class: "message safe" }, "Token and keys stay in this page’s memory. They are sent nowhere, kept nowhere, and no link has them."),
    area("Token, or the value of Authorization", who.token, 6, (token) => change({ token })),
    area("Keys of its issuer, a JWKS (without them the signature is not checked)", who.jwks ?? "", 6, (jwks) => change({ jwks })),
  ];
}

function certificateFields(who: Extract<Who, { kind: "certificate" }>): HTMLElement[] {
  let now = who;
  const change = (part: Partial<typeof who>): void => {
    now = { ...now, ...part };
    use(now);
  };
  return [
    text("Common name", who.commonName ?? "", (commonName) => change({ commonName })),
    text("First URI among the alternative names", who.uri ?? "", (uri) => change({ uri }), { placeholder: "spiffe://example.org/ns/shop" }),
    text("First DNS name among them", who.dns ?? "", (dns) => change({ dns })),
    area("Or the certificate itself, PEM", who.pem ?? "", 5, (pem) => change({ pem })),
    h("p", { class: "quiet" }, "Nobody has verified it: a proxy does, with its `cacert`."),
  ];
}
