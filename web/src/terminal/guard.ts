/* Makes a terminal deaf to what output must not do: answer questions, name the window, reach the clipboard.
   A program's output is hostile text. A terminal that answers a query types into the program, and a program
   can choose the question so that the answer is a command; so no question is answered, lease or no lease.
   Only this file registers parser rules. */

/** The part of xterm's parser that is used here; the headless twin in the tests has the same. */
export interface Parser {
  registerCsiHandler(
    id: { prefix?: string; intermediates?: string; final: string },
    callback: (params: (number | number[])[]) => boolean,
  ): unknown;
  registerOscHandler(id: number, callback: (data: string) => boolean): unknown;
  registerDcsHandler(
    id: { prefix?: string; intermediates?: string; final: string },
    callback: () => boolean,
  ): unknown;
}

const DEAF = () => true;

/** Device attributes, status reports, mode requests, window reports, keyboard-protocol queries. */
const CSI_QUESTIONS = [
  { final: "c" },
  { prefix: ">", final: "c" },
  { prefix: "=", final: "c" },
  { final: "n" },
  { prefix: "?", final: "n" },
  { intermediates: "$", final: "p" },
  { prefix: "?", intermediates: "$", final: "p" },
  { prefix: ">", final: "q" },
  { final: "t" },
  { prefix: "?", final: "u" },
  { final: "x" },
];

/** The private mode that reports the window's focus as input. */
const FOCUS_REPORTS = 1004;

/** Titles (0, 1, 2), the working directory (7), notifications (9, 99, 777), the clipboard (52), files (1337). */
const OSC_REFUSED = [0, 1, 2, 7, 9, 52, 99, 777, 1337];

/** Colours: setting is harmless, asking (a payload with "?") is not answered. */
const OSC_COLOURS = [4, 10, 11, 12];

/** Refuses every sequence that reaches out of the picture. */
export function guard(parser: Parser): void {
  for (const id of CSI_QUESTIONS) parser.registerCsiHandler(id, DEAF);
  parser.registerCsiHandler({ prefix: "?", final: "h" }, (params) => params.includes(FOCUS_REPORTS));
  for (const id of OSC_REFUSED) parser.registerOscHandler(id, DEAF);
  for (const id of OSC_COLOURS) parser.registerOscHandler(id, (data) => data.includes("?"));
  for (const intermediates of ["$", "+"]) parser.registerDcsHandler({ intermediates, final: "q" }, DEAF);
}

/** The address a link in the output may open: http and https only, spelled out. */
export function allowedLink(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}
