// How deep a value is nested.

/** The most levels: no filter reads a token with more. */
export const MAX_NESTING = 64;

/** True if a value of JSON has more levels than a filter reads. */
export function isTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_NESTING) {
      return true;
    }
    level = level.flatMap((item) => (item !== null && typeof item === "object" ? Object.values(item) : []));
  }
  return false;
}
