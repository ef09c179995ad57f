import { describe, expect, it } from "vitest";
import { visible } from "./visible";

describe("what a text would hide", () => {
  it.each([
    ["rm \u202Efdp.txt", "rm ⟨U+202E⟩fdp.txt"],
    ["ls\x1b[8m; rm", "ls⟨U+001B⟩[8m; rm"],
    ["a\u200Bb", "a⟨U+200B⟩b"],
    ["a\rb", "a⟨U+000D⟩b"],
    ["tag\u{E0041}", "tag⟨U+E0041⟩"],
    ["line one\n\tline two", "line one\n\tline two"],
    ["größe 日本 😀", "größe 日本 😀"],
  ])("%j is shown", (text, shown) => {
    expect(visible(text)).toBe(shown);
  });
});
