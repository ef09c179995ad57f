/* Shows a repository's markdown as elements that can do nothing: no raw HTML, no images fetched, links to
   http(s) and to this page alone. Each block knows its source line, so that a cited line can be marked. */
import MarkdownIt, { type Token } from "markdown-it";
import { createElement, Fragment, type ReactNode, useEffect, useMemo, useRef } from "react";
import { allowedLink } from "../terminal/guard";
import { visible } from "./visible";

const reader = new MarkdownIt({ html: false, linkify: false, typographer: false });
/** markdown-it refuses dangerous links by itself; this page judges them again where it draws them. */
reader.validateLink = () => true;

const BLOCKS = new Set([
  "p",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "ul",
  "ol",
  "li",
  "blockquote",
  "table",
  "thead",
  "tbody",
  "tr",
  "th",
  "td",
  "em",
  "strong",
  "s",
]);

function lines(token: Token, firstLine: number): Record<string, unknown> {
  return token.map ? { "data-line": token.map[0] + firstLine } : {};
}

/** A document's headings stand below the page's own. */
function demoted(tag: string): string {
  const level = /^h([1-6])$/.exec(tag)?.[1];
  return level ? `h${Math.min(6, Number(level) + 1)}` : tag;
}

/** Folds a run of tokens into elements; returns the index behind the token that closed it. */
function fold(tokens: Token[], start: number, firstLine: number): [ReactNode[], number] {
  const nodes: ReactNode[] = [];
  let index = start;
  while (index < tokens.length) {
    const token = tokens[index];
    if (!token) break;
    if (token.nesting === -1) return [nodes, index + 1];
    const key = index;
    if (token.nesting === 1) {
      const [children, next] = fold(tokens, index + 1, firstLine);
      index = next;
      if (token.hidden) nodes.push(createElement(Fragment, { key }, ...children));
      else if (token.tag === "a") {
        const link = allowedLink(String(token.attrGet("href") ?? ""));
        nodes.push(
          link
            ? createElement(
                "a",
                { key, href: link, target: "_blank", rel: "noopener noreferrer" },
                ...children,
              )
            : createElement(
                "span",
                { key, className: "dead-link", title: String(token.attrGet("href") ?? "") },
                ...children,
              ),
        );
      } else {
        const tag = BLOCKS.has(token.tag) ? demoted(token.tag) : "div";
        nodes.push(createElement(tag, { key, ...lines(token, firstLine) }, ...children));
      }
      continue;
    }
    index += 1;
    switch (token.type) {
      case "inline":
        nodes.push(createElement(Fragment, { key }, ...fold(token.children ?? [], 0, firstLine)[0]));
        break;
      case "text":
        nodes.push(visible(token.content));
        break;
      case "softbreak":
        nodes.push("\n");
        break;
      case "hardbreak":
        nodes.push(createElement("br", { key }));
        break;
      case "code_inline":
        nodes.push(createElement("code", { key }, visible(token.content)));
        break;
      case "fence":
      case "code_block":
        nodes.push(
          createElement(
            "pre",
            { key, ...lines(token, firstLine) },
            createElement("code", {}, visible(token.content)),
          ),
        );
        break;
      case "hr":
        nodes.push(createElement("hr", { key }));
        break;
      case "image":
        nodes.push(createElement("span", { key, className: "quiet" }, `[image: ${token.content}]`));
        break;
      default:
        nodes.push(visible(token.content));
    }
  }
  return [nodes, index];
}

/** The text split into its front matter, if it has one, and the rest, with the rest's first line (from 1). */
export function splitFrontMatter(text: string): { matter: string; body: string; firstLine: number } {
  const found = /^---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(text);
  if (!found) return { matter: "", body: text, firstLine: 1 };
  const body = text.slice(found[0].length);
  return { matter: found[1] ?? "", body, firstLine: found[0].split("\n").length };
}

/** Markdown as elements. `line` (from 1) is marked and brought into view. */
export function Markdown({ text, line = 0 }: { text: string; line?: number }) {
  const place = useRef<HTMLDivElement>(null);
  const parts = useMemo(() => {
    const { matter, body, firstLine } = splitFrontMatter(text);
    return { matter, nodes: fold(reader.parse(body, {}), 0, firstLine)[0] };
  }, [text]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text or line moves the mark.
  useEffect(() => {
    let marked: HTMLElement | null = null;
    for (const block of place.current?.querySelectorAll<HTMLElement>("[data-line]") ?? []) {
      block.classList.remove("marked");
      const from = Number(block.dataset.line);
      // The last block that begins at or before the line is the innermost one that holds it.
      if (line > 0 && from <= line && from >= Number(marked?.dataset.line ?? 0)) marked = block;
    }
    marked?.classList.add("marked");
    if (line > 1) marked?.scrollIntoView({ block: "center" });
  }, [text, line]);
  return (
    <div className="markdown" ref={place}>
      {parts.matter && (
        <ol className="matter">
          {parts.matter.split(/\r?\n/).map((each, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line's number is its identity.
            <li key={index} data-line={index + 2}>
              {visible(each) || " "}
            </li>
          ))}
        </ol>
      )}
      {parts.nodes}
    </div>
  );
}

/** Any other document: its lines with their numbers. */
export function PlainText({ text, line = 0 }: { text: string; line?: number }) {
  const marked = useRef<HTMLLIElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text or line moves the mark.
  useEffect(() => marked.current?.scrollIntoView({ block: "center" }), [text, line]);
  return (
    <ol className="plain">
      {text.split(/\r?\n/).map((each, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line's number is its identity.
        <li key={index} {...(index + 1 === line ? { ref: marked, className: "marked" } : {})}>
          {visible(each) || " "}
        </li>
      ))}
    </ol>
  );
}
