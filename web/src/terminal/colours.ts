/* The terminal's sixteen colours, tuned to each theme so that every one can be read on its ground. */
import type { ITheme } from "@xterm/xterm";
import type { Shade } from "../parts/theme";

const LIGHT: ITheme = {
  background: "#ffffff",
  foreground: "#1d2129",
  cursor: "#3b4cca",
  cursorAccent: "#ffffff",
  selectionBackground: "#c9d2ff",
  black: "#1d2129",
  red: "#b3242f",
  green: "#176b35",
  yellow: "#835200",
  blue: "#1f55b8",
  magenta: "#8a2a9b",
  cyan: "#0b6773",
  white: "#5c6470",
  brightBlack: "#646c79",
  brightRed: "#c8323c",
  brightGreen: "#1b7a3d",
  brightYellow: "#8f5b00",
  brightBlue: "#2b62d4",
  brightMagenta: "#9b35ad",
  brightCyan: "#0f7280",
  brightWhite: "#1d2129",
};

const DARK: ITheme = {
  background: "#0b0d10",
  foreground: "#dfe3ea",
  cursor: "#9db0ff",
  cursorAccent: "#0b0d10",
  selectionBackground: "#2f3b70",
  black: "#6b7482",
  red: "#ff7b7b",
  green: "#5ccf91",
  yellow: "#e8b65a",
  blue: "#7fb0ff",
  magenta: "#d79bf0",
  cyan: "#5fcfdc",
  white: "#c9cfd8",
  brightBlack: "#8690a0",
  brightRed: "#ff9d9d",
  brightGreen: "#86e2b1",
  brightYellow: "#f5cd85",
  brightBlue: "#a5c8ff",
  brightMagenta: "#e7bdf8",
  brightCyan: "#94e3ec",
  brightWhite: "#ffffff",
};

const CONTRAST: ITheme = {
  ...DARK,
  background: "#000000",
  foreground: "#ffffff",
  cursor: "#ffff00",
  cursorAccent: "#000000",
  selectionBackground: "#0044cc",
};

/** The grounds of found words: all of them, and the one the reader is at. */
export interface Marks {
  match: string;
  active: string;
}

/** The grounds of found words for a shade. */
export function marksFor(shade: Shade): Marks {
  return shade === "light"
    ? { match: "#fbe7b2", active: "#f2b13c" }
    : { match: "#4f4212", active: "#a85f0c" };
}

/** The colours for a shade. */
export function coloursFor(shade: Shade): ITheme {
  switch (shade) {
    case "light":
      return LIGHT;
    case "dark":
      return DARK;
    case "contrast":
      return CONTRAST;
  }
}
