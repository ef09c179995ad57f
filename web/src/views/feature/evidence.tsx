/* Evidence as quoted lines, each with the place that says so; a click opens it there. */
import { visible } from "../../parts/visible";
import type { EvidenceOut } from "../../wire/schema";

export type OpenAt = (path: string, line: number) => void;

export const place = ({ path, line, commit }: EvidenceOut): string =>
  `${path}:${line}${commit ? `@${commit.slice(0, 8)}` : ""}`;

export function Evidence({ evidence, open }: { evidence: EvidenceOut[]; open: OpenAt }) {
  return (
    <ul className="stack tight">
      {evidence.map((each) => (
        <li key={`${place(each)} ${each.fact}`} className="quote">
          <span>{visible(each.fact)}</span>
          <span className="line wraps">
            <button
              type="button"
              className="source"
              title={`Open ${each.path} at line ${each.line}`}
              onClick={() => open(each.path, each.line)}
            >
              {place(each)}
            </button>
            {!each.commit && <span className="tree-note">working tree, not committed</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}
