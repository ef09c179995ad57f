/* Evidence as quoted lines, each with the place that says so: resting on it shows the line in its document,
   a click opens it there. */
import { useQuery } from "@tanstack/react-query";
import { HoverCard } from "radix-ui";
import { useRef, useState } from "react";
import { visible } from "../../parts/visible";
import { documentQuery } from "../../wire/queries";
import type { EvidenceOut } from "../../wire/schema";
import { useHere } from "../frame/here";

export type OpenAt = (path: string, line: number) => void;

const AROUND = 2;

export const place = ({ path, line, commit }: EvidenceOut): string =>
  `${path}:${line}${commit ? `@${commit.slice(0, 8)}` : ""}`;

function Lines({ path, line }: { path: string; line: number }) {
  const { projectId } = useHere();
  const document = useQuery(documentQuery(projectId, path));
  if (!document.data) return <p className="quiet">{document.isError ? document.error.message : "…"}</p>;
  const first = Math.max(1, line - AROUND);
  const lines = document.data.text.split(/\r?\n/).slice(first - 1, line + AROUND);
  return (
    <ol className="plain" style={{ counterReset: `line ${first - 1}` }}>
      {lines.map((text, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line's number is its identity.
        <li key={index} className={first + index === line ? "marked" : undefined}>
          {visible(text) || " "}
        </li>
      ))}
    </ol>
  );
}

function Source({ evidence, open }: { evidence: EvidenceOut; open: OpenAt }) {
  const [isShown, setShown] = useState(false);
  // Once opened beside the page, the line needs no card above it, until the pointer comes back.
  const isOpened = useRef(false);
  return (
    <HoverCard.Root
      open={isShown}
      onOpenChange={(wanted) => setShown(wanted && !isOpened.current)}
      openDelay={350}
      closeDelay={80}
    >
      <HoverCard.Trigger asChild>
        <button
          type="button"
          className="source"
          onPointerEnter={() => {
            isOpened.current = false;
          }}
          onClick={() => {
            isOpened.current = true;
            setShown(false);
            open(evidence.path, evidence.line);
          }}
        >
          {visible(place(evidence))}
        </button>
      </HoverCard.Trigger>
      <HoverCard.Portal>
        <HoverCard.Content className="menu lines-card" align="start" sideOffset={6}>
          <Lines path={evidence.path} line={evidence.line} />
        </HoverCard.Content>
      </HoverCard.Portal>
    </HoverCard.Root>
  );
}

export function Evidence({ evidence, open }: { evidence: EvidenceOut[]; open: OpenAt }) {
  return (
    <ul className="stack tight">
      {evidence.map((each) => (
        <li key={`${place(each)} ${each.fact}`} className="quote">
          <span>{visible(each.fact)}</span>
          <span className="line wraps">
            <Source evidence={each} open={open} />
            {!each.commit && <span className="tree-note">working tree, not committed</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}
