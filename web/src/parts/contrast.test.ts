import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { coloursFor } from "../terminal/colours";

const CSS = readFileSync(new URL("./look/tokens.css", import.meta.url), "utf8");
const SHADES = ["light", "dark", "contrast"] as const;

/** The tokens of a theme; a theme that leaves one out has the first theme's. */
function tokens(shade: (typeof SHADES)[number]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, selector = "", body = ""] of CSS.matchAll(/^(:root[^{]*)\{([^}]*)\}/gm)) {
    if (selector.includes("data-shade") && !selector.includes(`"${shade}"`)) continue;
    for (const [, name = "", value = ""] of body.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g))
      found[name] = value;
  }
  return found;
}

/** Relative luminance and contrast as WCAG 2.2 defines them. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const GROUNDS = ["ground", "surface", "raised", "sunken", "hover"];
const TEXTS = ["text", "text-soft", "text-faint", "accent-text"];
const STATUSES = ["queued", "running", "succeeded", "failed", "canceled", "blocked"];

describe.each(SHADES)("in the %s theme", (shade) => {
  const theme = tokens(shade);
  const pairs = [
    ...TEXTS.flatMap((text) => GROUNDS.map((ground) => [text, ground])),
    ...STATUSES.flatMap((status) => [...GROUNDS, `${status}-soft`].map((ground) => [status, ground])),
    ["text", "blocked-soft"],
    ["text-soft", "failed-soft"],
    ["accent-text", "accent-soft"],
    ["on-accent", "accent"],
    ["on-danger", "danger"],
  ];
  it.each(pairs)("%s can be read on %s", (text = "", ground = "") => {
    expect(contrast(theme[text] ?? "", theme[ground] ?? "")).toBeGreaterThanOrEqual(4.5);
  });

  it.each(["focus", "accent"])("%s can be seen on every ground", (mark) => {
    for (const ground of GROUNDS)
      expect(contrast(theme[mark] ?? "", theme[ground] ?? "")).toBeGreaterThanOrEqual(3);
  });

  it("the terminal's text can be read", () => {
    const { background = "", foreground = "" } = coloursFor(shade);
    expect(contrast(foreground, background)).toBeGreaterThanOrEqual(7);
  });
});
