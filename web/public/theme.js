/* Sets the theme before the first paint, so that the page never flashes. */
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("workbench.theme");
  } catch {
    chosen = null;
  }
  if (chosen === "light" || chosen === "dark" || chosen === "contrast") {
    document.documentElement.dataset.theme = chosen;
  }
})();
