/* Sets the theme before the first paint, so that the page never flashes. src/parts/theme.ts goes on from here. */
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("workbench.theme");
  } catch {
    chosen = null;
  }
  const root = document.documentElement;
  if (chosen === "light" || chosen === "dark" || chosen === "contrast") {
    root.dataset.theme = chosen;
    root.dataset.shade = chosen;
  } else if (matchMedia("(prefers-contrast: more)").matches) {
    root.dataset.shade = "contrast";
  } else {
    root.dataset.shade = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
})();
