/* Puts the page into the document. */
import { createRoot } from "react-dom/client";

const place = document.getElementById("page");
if (place) createRoot(place).render(<main>Workbench</main>);
