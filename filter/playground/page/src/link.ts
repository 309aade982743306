// What a link holds: compressed, behind the `#` of the address, which is never sent to a server.
//
// A token and keys are never in it. Claims are, if somebody wants that.

import { isTooDeep } from "./nesting";
import type { Asking, Format, Tab } from "./store";
import { TABS } from "./store";

/** The longest content of a link, in characters: a link of somebody else must not fill the memory. */
const MAX_CONTENT = 1 << 20;
const VERSION = "1.";
/** What a link of any version begins with. */
const LINK = /^\d+\./;
/** What no line has that is shown as it is: control characters, and what changes how others look. */
const HIDDEN = /[\p{Cc}\p{Cf}\u2028\u2029]/u;
/** The last moment that the page can show, a day before the year 10000, in seconds since 1970. */
const LAST = 253_402_214_400;
const UNSAID: Asking = { kind: "unsaid" };

export interface Shared {
  text: string;
  format: Format;
  words: string;
  tagExists: boolean | null;
  /** The moment in seconds since 1970; null is whenever the link is opened. */
  at: number | null;
  tab: Tab;
  who: Asking;
}

/** Who asks, as a link may have it: never a token, nor a certificate. */
export function withoutSecrets(who: Asking, withClaims: boolean): Asking {
  switch (who.kind) {
    case "anonymous":
    case "user":
    case "unsaid":
      return who;
    case "claims":
      return withClaims ? { kind: "claims", claims: { ...(who.issuer ? { iss: who.issuer } : {}), ...who.claims } } : UNSAID;
    case "certificate":
      return who.pem ? UNSAID : who;
    case "token":
      return UNSAID;
  }
}

export async function write(shared: Shared): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(shared));
  const packed = new Uint8Array(await new Response(through(bytes, new CompressionStream("deflate-raw"))).arrayBuffer());
  let binary = "";
  for (const byte of packed) {
    binary += String.fromCharCode(byte);
  }
  return VERSION + btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Reads the part of an address behind `#`: what was shared, or why nothing is. */
export async function read(fragment: string): Promise<Shared | "none" | "damaged"> {
  if (!LINK.test(fragment)) {
    return "none";
  }
  if (!fragment.startsWith(VERSION)) {
    return "damaged";
  }
  try {
    const binary = atob(fragment.slice(VERSION.length).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const text = await limited(through(bytes, new DecompressionStream("deflate-raw")));
    return checked(JSON.parse(text)) ?? "damaged";
  } catch {
    return "damaged";
  }
}

function through(bytes: Uint8Array<ArrayBuffer>, stream: GenericTransformStream): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([bytes]).stream().pipeThrough(stream as ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>);
}

async function limited(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) {
      return text + decoder.decode();
    }
    text += decoder.decode(value, { stream: true });
    if (text.length > MAX_CONTENT) {
      await reader.cancel();
      throw new Error("too long");
    }
  }
}

/** A link is somebody's text: each member is checked. */
function checked(value: unknown): Shared | null {
  if (value === null || typeof value !== "object") {
    return null;
  }
  const { text, format, words, tagExists, at, tab, who } = value as Record<string, unknown>;
  const asking = who === undefined ? UNSAID : someone(who);
  if (typeof text !== "string" || typeof words !== "string" || HIDDEN.test(words) || !asking || !isMoment(at)) {
    return null;
  }
  return {
    text,
    words,
    format: format === "json" ? "json" : "yaml",
    tagExists: typeof tagExists === "boolean" ? tagExists : null,
    at: at ?? null,
    tab: TABS.find((known) => known === tab) ?? "decision",
    who: asking,
  };
}

function isMoment(value: unknown): value is number | null | undefined {
  return value === null || value === undefined || (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= LAST);
}

function someone(value: unknown): Asking | undefined {
  if (value === null || typeof value !== "object") {
    return undefined;
  }
  const { kind, name, groups, claims, commonName, uri, dns } = value as Record<string, unknown>;
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  switch (kind) {
    case "anonymous":
    case "unsaid":
      return { kind };
    case "user": {
      const list = Array.isArray(groups) ? groups.filter((group): group is string => typeof group === "string") : [];
      return isShown([name, ...list]) ? { kind, name: text(name), groups: list } : undefined;
    }
    case "claims":
      return claims !== null && typeof claims === "object" && !Array.isArray(claims) && !isTooDeep(claims)
        ? { kind, claims: claims as Record<string, unknown> }
        : undefined;
    case "certificate":
      return isShown([commonName, uri, dns]) ? { kind, commonName: text(commonName), uri: text(uri), dns: text(dns), pem: "" } : undefined;
    default:
      return undefined;
  }
}

/** True if nobody is shown as somebody else: no text hides a part of itself. */
function isShown(texts: unknown[]): boolean {
  return texts.every((text) => typeof text !== "string" || !HIDDEN.test(text));
}
