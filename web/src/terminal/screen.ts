/* One xterm on one element: drawing, fitting, searching, copying. It is deaf to its output's questions
   (guard.ts) and hands on what a person types; it knows nothing of runs or sockets. */
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { type ITheme, Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import type { Marks } from "./colours";
import type { Frame } from "./frames";
import { allowedLink, guard } from "./guard";

const SCROLLBACK_LINES = 20_000;
const WIDE_COLUMNS = 400;
const LEAST_ROWS = 6;
/** Standard error in pipe mode: a dim red bar's worth of colour around the bytes, none of them changed. */
const ERROR_COLOUR = "\x1b[31m";
const PLAIN_COLOUR = "\x1b[39m";

export interface Sizes {
  rows: number;
  columns: number;
}

export interface Screen {
  write: (frame: Frame, drawn: () => void) => void;
  reset: () => void;
  /** Begins anew, with one line of the page's own. */
  restart: (note: string) => void;
  /** Stops following the end: one line up is enough. */
  hold: () => void;
  fit: (wraps: boolean) => Sizes;
  wear: (theme: ITheme, marks: Marks) => void;
  find: (text: string, backwards: boolean) => boolean;
  text: () => string;
  selection: () => string;
  toEnd: () => void;
  setInput: (isOn: boolean) => void;
  focus: () => void;
  close: () => void;
}

export interface ScreenEnds {
  typed: (text: string) => void;
  scrolled: (isAtEnd: boolean) => void;
  found: (index: number, count: number) => void;
  pointedAt: (link: string | null) => void;
}

/** Puts a terminal on an element. `linesEndBare` is for pipe output, whose lines end in a bare newline. */
export function openScreen(
  place: HTMLElement,
  theme: ITheme,
  linesEndBare: boolean,
  ends: ScreenEnds,
): Screen {
  const terminal = new Terminal({
    allowProposedApi: true,
    convertEol: linesEndBare,
    cursorBlink: false,
    cursorInactiveStyle: "none",
    disableStdin: true,
    fontFamily: "'JetBrains Mono Variable', ui-monospace, Menlo, Consolas, monospace",
    fontSize: 13,
    lineHeight: 1.25,
    minimumContrastRatio: 4.5,
    scrollback: SCROLLBACK_LINES,
    theme,
    windowOptions: {},
    linkHandler: {
      activate: (_event, text) => {
        const link = allowedLink(text);
        if (link) window.open(link, "_blank", "noopener,noreferrer");
      },
      hover: (_event, text) => ends.pointedAt(allowedLink(text)),
      leave: () => ends.pointedAt(null),
      allowNonHttpProtocols: false,
    },
  });
  let marks: Marks = { match: "#fbe7b2", active: "#f2b13c" };
  const fitter = new FitAddon();
  const searcher = new SearchAddon();
  terminal.loadAddon(fitter);
  terminal.loadAddon(searcher);
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = "11";
  guard(terminal.parser);
  terminal.open(place);
  terminal.onData((text) => ends.typed(text));
  terminal.onScroll(() => ends.scrolled(isAtEnd()));
  searcher.onDidChangeResults(({ resultIndex, resultCount }) => ends.found(resultIndex, resultCount));

  const isAtEnd = () => terminal.buffer.active.viewportY >= terminal.buffer.active.baseY;
  // A wheel or a key moves the view without xterm's own scroll event.
  const look = () => requestAnimationFrame(() => ends.scrolled(isAtEnd()));
  place.addEventListener("wheel", look, { passive: true });
  place.addEventListener("keyup", look);
  place.addEventListener("pointerup", look);

  return {
    write: (frame, drawn) => {
      if (frame.stream !== "stderr") {
        terminal.write(frame.bytes, drawn);
        return;
      }
      terminal.write(ERROR_COLOUR);
      terminal.write(frame.bytes);
      terminal.write(PLAIN_COLOUR, drawn);
    },
    reset: () => terminal.reset(),
    // RIS, in its place among the bytes: a reset by call would overtake what still waits to be drawn.
    restart: (note) => terminal.write(`\x1bc\x1b[2m${note}\x1b[0m\r\n`),
    hold: () => {
      terminal.scrollLines(-1);
      ends.scrolled(isAtEnd());
    },
    fit: (wraps) => {
      const proposed = fitter.proposeDimensions();
      const rows = Math.max(LEAST_ROWS, proposed?.rows ?? 24);
      const columns = wraps ? Math.max(20, proposed?.cols ?? 80) : WIDE_COLUMNS;
      if (rows !== terminal.rows || columns !== terminal.cols) terminal.resize(columns, rows);
      return { rows, columns };
    },
    wear: (next, found) => {
      terminal.options.theme = next;
      marks = found;
    },
    find: (text, backwards) => {
      if (text === "") {
        searcher.clearDecorations();
        return false;
      }
      const options = {
        decorations: {
          matchBackground: marks.match,
          matchOverviewRuler: marks.match,
          activeMatchBackground: marks.active,
          activeMatchColorOverviewRuler: marks.active,
        },
      };
      return backwards ? searcher.findPrevious(text, options) : searcher.findNext(text, options);
    },
    text: () => {
      const lines: string[] = [];
      const buffer = terminal.buffer.active;
      for (let row = 0; row < buffer.length; row += 1) {
        const line = buffer.getLine(row);
        if (!line) continue;
        const text = line.translateToString(true);
        if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
        else lines.push(text);
      }
      return lines.join("\n").trimEnd();
    },
    selection: () => terminal.getSelection(),
    toEnd: () => {
      terminal.scrollToBottom();
      ends.scrolled(true);
    },
    setInput: (isOn) => {
      terminal.options.disableStdin = !isOn;
      terminal.options.cursorBlink = isOn;
    },
    focus: () => terminal.focus(),
    close: () => {
      place.removeEventListener("wheel", look);
      place.removeEventListener("keyup", look);
      place.removeEventListener("pointerup", look);
      terminal.dispose();
    },
  };
}
