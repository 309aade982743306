// What a link holds: compressed, behind the `#` of the address, which is never sent to a server.
//
// A token and keys are never in it. Claims are, if somebody wants that.

import type { Who } from "../../types";
import type { Format, Tab } from "./store";
import { TABS } from "./store";

/** The longest content of a link, in characters: a link of somebody else must not fill the memory. */
const MAX_CONTENT = 1 << 20;
const VERSION = "1.";

export interface Shared {
  text: string;
  format: Format;
  words: string;
  tagExists: boolean | null;
  tab: Tab;
  who?: Who;
}

/** Who, as a link may have it; nothing for a token. */
export function withoutSecrets(who: Who, withClaims: boolean): Who | undefined {
  switch (who.kind) {
    case "anonymous":
    case "user":
      return who;
    case "claims":
      return withClaims ? who : undefined;
    case "certificate":
      return { ...who, pem: "" };
    case "token":
      return undefined;
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

/** Reads the part of an address behind `#`; null if it is none of ours. */
export async function read(fragment: string): Promise<Shared | null> {
  if (!fragment.startsWith(VERSION)) {
    return null;
  }
  try {
    const binary = atob(fragment.slice(VERSION.length).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const text = await limited(through(bytes, new DecompressionStream("deflate-raw")));
    return checked(JSON.parse(text));
  } catch {
    return null;
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
  const { text, format, words, tagExists, tab, who } = value as Record<string, unknown>;
  if (typeof text !== "string" || typeof words !== "string") {
    return null;
  }
  const person = someone(who);
  return {
    text,
    words,
    format: format === "json" ? "json" : "yaml",
    tagExists: typeof tagExists === "boolean" ? tagExists : null,
    tab: TABS.find((known) => known === tab) ?? "decision",
    ...(person ? { who: person } : {}),
  };
}

function someone(value: unknown): Who | undefined {
  if (value === null || typeof value !== "object") {
    return undefined;
  }
  const { kind, name, groups, claims, commonName, uri, dns } = value as Record<string, unknown>;
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  switch (kind) {
    case "anonymous":
      return { kind };
    case "user": {
      const list = Array.isArray(groups) ? groups.filter((group): group is string => typeof group === "string") : [];
      return { kind, name: text(name), groups: list };
    }
    case "claims":
      return claims !== null && typeof claims === "object" && !Array.isArray(claims)
        ? { kind, claims: claims as Record<string, unknown> }
        : undefined;
    case "certificate":
      return { kind, commonName: text(commonName), uri: text(uri), dns: text(dns), pem: "" };
    default:
      return undefined;
  }
}
