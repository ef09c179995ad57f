/* Builds the page into the Python package. No inline script and no data: font, so that the strict
   content security policy holds. */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  // Node 20 has the browser's WebSocket behind a flag; later ones have it always.
  test: { execArgv: typeof WebSocket === "undefined" ? ["--experimental-websocket"] : [] },
  build: {
    outDir: "../src/workbench/api/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 900,
  },
});
