// Many buttons of which the order of Tab has one: the arrows lead to the others.

const STEPS: Record<string, (at: number, last: number) => number> = {
  ArrowDown: (at, last) => Math.min(at + 1, last),
  ArrowUp: (at) => Math.max(at - 1, 0),
  Home: () => 0,
  End: (_, last) => last,
};

/** Makes one stop of the buttons below `parent` that `selector` finds. */
export function rove(parent: HTMLElement, selector: string): void {
  const all = [...parent.querySelectorAll<HTMLElement>(selector)];
  all.forEach((button, index) => {
    button.tabIndex = index === 0 ? 0 : -1;
  });
  parent.addEventListener("keydown", (event) => {
    const at = all.findIndex((button) => button === event.target);
    const step = STEPS[event.key];
    const next = at < 0 || !step ? undefined : all[step(at, all.length - 1)];
    const from = all[at];
    if (next && from) {
      event.preventDefault();
      from.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
  });
}
