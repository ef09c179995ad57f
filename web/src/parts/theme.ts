/* Which theme the page wears: the system's, or the one chosen here. Kept in the browser alone. */
import { useSyncExternalStore } from "react";

export type Shade = "light" | "dark" | "contrast";
export type Theme = Shade | "system";

export const THEMES: readonly Theme[] = ["system", "light", "dark", "contrast"];
const KEY = "workbench.theme";
const listeners = new Set<() => void>();
// What the system wishes is read once and then told by its events. Chromium drops the event of a change that a
// reading of `matches` came before, and a render may read at any moment.
const system = { dark: false, contrast: false };
follow("(prefers-color-scheme: dark)", "dark");
follow("(prefers-contrast: more)", "contrast");

/** The theme that was chosen. */
export function chosenTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" || chosen === "contrast" ? chosen : "system";
}

/** Wears a theme and remembers it. */
export function chooseTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A browser that forbids storage still changes the theme of this page.
  }
  wear();
}

function wear(): void {
  document.documentElement.dataset.shade = shade();
  for (const listener of listeners) listener();
}

function follow(query: string, wish: keyof typeof system): void {
  const asked = globalThis.matchMedia?.(query);
  system[wish] = asked?.matches ?? false;
  asked?.addEventListener("change", (event) => {
    system[wish] = event.matches;
    wear();
  });
}

function shade(): Shade {
  const theme = chosenTheme();
  if (theme !== "system") return theme;
  if (system.contrast) return "contrast";
  return system.dark ? "dark" : "light";
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useTheme = (): Theme => useSyncExternalStore(subscribe, chosenTheme);
export const useShade = (): Shade => useSyncExternalStore(subscribe, shade);
