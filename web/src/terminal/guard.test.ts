import { Terminal } from "@xterm/headless";
import { describe, expect, it } from "vitest";
import { allowedLink, guard } from "./guard";

/** Writes hostile output to a real terminal and returns everything it answered, and its titles. */
function answersTo(output: string, isGuarded: boolean): Promise<{ answers: string; titles: string[] }> {
  const terminal = new Terminal({ allowProposedApi: true });
  let answers = "";
  const titles: string[] = [];
  terminal.onData((text) => {
    answers += text;
  });
  terminal.onBinary((text) => {
    answers += text;
  });
  terminal.onTitleChange((title) => titles.push(title));
  if (isGuarded) guard(terminal.parser);
  return new Promise((resolve) => terminal.write(output, () => resolve({ answers, titles })));
}

const QUESTIONS: [string, string][] = [
  ["device attributes", "\x1b[c"],
  ["secondary device attributes", "\x1b[>c"],
  ["the device status", "\x1b[5n"],
  ["the cursor's place", "\x1b[6n"],
  ["the private cursor's place", "\x1b[?6n"],
  ["an ANSI mode", "\x1b[4$p"],
  ["a private mode", "\x1b[?25$p"],
  ["a setting (DECRQSS)", "\x1bP$qm\x1b\\"],
  ["the foreground colour", "\x1b]10;?\x07"],
  ["a palette colour", "\x1b]4;1;?\x07"],
  ["the window's title", "\x1b[21t"],
  ["the keyboard protocol", "\x1b[?u"],
  ["the version", "\x1b[>q"],
];

describe("hostile output", () => {
  it.each(QUESTIONS)("gets no answer when it asks for %s", async (_what, question) => {
    expect((await answersTo(question, true)).answers).toBe("");
  });

  it("would get answers from a terminal that is not guarded", async () => {
    const { answers } = await answersTo(QUESTIONS.map(([, question]) => question).join(""), false);
    expect(answers).not.toBe("");
  });

  it("names no window", async () => {
    const titles = "\x1b]0;evil\x07\x1b]2;evil\x07\x1b]1;evil\x1b\\";
    expect((await answersTo(titles, true)).titles).toEqual([]);
    expect((await answersTo(titles, false)).titles).not.toEqual([]);
  });

  it("never turns on reports of the window's focus", async () => {
    const terminal = new Terminal({ allowProposedApi: true });
    guard(terminal.parser);
    await new Promise<void>((resolve) => terminal.write("\x1b[?1004h\x1b[?2004h", resolve));
    expect(terminal.modes.sendFocusMode).toBe(false);
    expect(terminal.modes.bracketedPasteMode).toBe(true);
  });

  it("still draws its text and colours", async () => {
    const terminal = new Terminal({ allowProposedApi: true });
    guard(terminal.parser);
    await new Promise<void>((resolve) =>
      terminal.write("\x1b]52;c;ZXZpbA==\x07\x1b[31mred\x1b[0m \x1b]10;?\x07plain", resolve),
    );
    expect(terminal.buffer.active.getLine(0)?.translateToString(true)).toBe("red plain");
  });
});

describe("links in output", () => {
  it.each([
    ["https://example.org/a?b=1", "https://example.org/a?b=1"],
    ["HTTP://EXAMPLE.ORG", "http://example.org/"],
    ["javascript:alert(1)", null],
    ["data:text/html,x", null],
    ["file:///etc/passwd", null],
    [" java\nscript:alert(1)", null],
    ["/relative", null],
  ])("%s", (link, allowed) => {
    expect(allowedLink(link)).toBe(allowed);
  });
});
