// Dark and light: as the system, or as somebody chooses.

import { byId } from "./dom";

const CHOICES = ["system", "light", "dark"] as const;
type Choice = (typeof CHOICES)[number];
const SHOWN: Record<Choice, [string, string]> = {
  system: ["◐", "Colours: as the system"],
  light: ["☀", "Colours: light"],
  dark: ["☾", "Colours: dark"],
};
const KEY = "registry-auth-colours";

export function colours(): void {
  const button = byId("theme");
  let choice = CHOICES.find((known) => known === stored()) ?? "system";
  const apply = (): void => {
    const [sign, label] = SHOWN[choice];
    button.textContent = sign;
    button.setAttribute("aria-label", label);
    button.title = label;
    document.documentElement.dataset["colours"] = choice;
  };
  button.addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length] ?? "system";
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // Where nothing can be kept, the choice lasts as long as the page.
    }
    apply();
  });
  apply();
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
