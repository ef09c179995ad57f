import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { Markdown, splitFrontMatter } from "./markdown";

const html = (text: string, line = 0) => renderToStaticMarkup(<Markdown text={text} line={line} />);

describe("a repository's markdown", () => {
  it.each([
    ["a script", "<script>alert(1)</script>"],
    ["an event handler", '<img src=x onerror="alert(1)">'],
    ["a frame in a paragraph", "text <iframe src=//evil.example></iframe> text"],
    ["a script link", "[x](javascript:alert(1))"],
    ["a script link in capitals", "[x](JaVaScRiPt:alert(1))"],
    ["a data link", "[x](data:text/html,<script>alert(1)</script>)"],
    ["an image from elsewhere", "![x](https://evil.example/a.png)"],
    ["an automatic script link", "<javascript:alert(1)>"],
    ["a quote in a link", '[x](https://a.example/"onmouseover="alert(1))'],
  ])("does nothing with %s", (_what, text) => {
    const shown = html(text);
    expect(shown).not.toMatch(/<(script|img|iframe|svg|object|style)/i);
    expect(shown).not.toMatch(/href="(?!https?:)/i);
    expect(shown).not.toMatch(/<[^>]+\son\w+=/i);
  });

  it("opens web links elsewhere, without a word of where they came from", () => {
    expect(html("[docs](https://example.org)")).toContain(
      '<a href="https://example.org/" target="_blank" rel="noopener noreferrer">docs</a>',
    );
  });

  it("keeps each block's line, behind front matter too", () => {
    const text = "---\nstatus: done\n---\n# Title\n\ntext\n\n- one\n- two\n";
    expect(splitFrontMatter(text)).toEqual({
      matter: "status: done",
      body: "# Title\n\ntext\n\n- one\n- two\n",
      firstLine: 4,
    });
    const shown = html(text);
    expect(shown).toContain('<h2 data-line="4">Title</h2>');
    expect(shown).toContain('<p data-line="6">text</p>');
    expect(shown).toContain('<li data-line="9">two</li>');
    expect(shown).toContain('<li data-line="2">status: done</li>');
  });

  it("shows hidden characters", () => {
    expect(html("run `rm \u202Efdp`")).toContain("⟨U+202E⟩");
  });

  it("survives any text", () => {
    for (const text of ["", "---", "---\n---\n", "[", "|a|\n|-|\n|`|`|", "> ".repeat(200), "*".repeat(3_000)])
      expect(html(text)).toContain("markdown");
  });
});
