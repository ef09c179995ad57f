/* Puts the page into the document. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import "./parts/look/fonts.css";
import "./parts/look/tokens.css";
import "./parts/look/ground.css";
import "./parts/look/parts.css";
import "./parts/look/rows.css";
import "./parts/look/markdown.css";
import "./parts/look/frame.css";
import "./parts/look/pages.css";
import "./parts/look/policy.css";
import "./parts/look/terminal.css";
import { router } from "./views/routes";
import { Refusal } from "./wire/ask";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // A refusal is an answer; silence is worth asking again.
      retry: (failures, error) => failures < 4 && error instanceof Refusal && error.problem.status === 0,
      retryDelay: (attempt) => Math.min(4_000, 300 * 2 ** attempt),
    },
  },
});

// A newer server has other files: the page that asks for an old one takes the new page instead.
window.addEventListener("vite:preloadError", (event) => {
  const last = Number(sessionStorage.getItem("workbench.reloaded") ?? 0);
  if (Date.now() - last < 10_000) return;
  sessionStorage.setItem("workbench.reloaded", String(Date.now()));
  event.preventDefault();
  location.reload();
});

const place = document.getElementById("page");
if (place) {
  createRoot(place).render(
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
}
