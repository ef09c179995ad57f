/* Which theme the page wears: the system's, or the one chosen here. Kept in the browser alone. */
import { useSyncExternalStore } from "react";

export type Shade = "light" | "dark" | "contrast";
export type Theme = Shade | "system";

export const THEMES: readonly Theme[] = ["system", "light", "dark", "contrast"];
const KEY = "workbench.theme";
const listeners = new Set<() => void>();
const isDark = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
const wantsContrast = globalThis.matchMedia?.("(prefers-contrast: more)");

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

isDark?.addEventListener("change", wear);
wantsContrast?.addEventListener("change", wear);

function shade(): Shade {
  const theme = chosenTheme();
  if (theme !== "system") return theme;
  if (wantsContrast?.matches) return "contrast";
  return isDark?.matches ? "dark" : "light";
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useTheme = (): Theme => useSyncExternalStore(subscribe, chosenTheme);
export const useShade = (): Shade => useSyncExternalStore(subscribe, shade);
