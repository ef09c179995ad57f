/* What the page says when there is nothing, when it waits, and when something went wrong: what happened,
   why, and what to do. */
import type { ReactNode } from "react";
import { asProblem } from "../wire/ask";
import { visible } from "./visible";

/** A refusal, in full. */
export function ProblemNotice({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = asProblem(error);
  return (
    <div className="notice" data-tone="failed" role="alert">
      <strong>{problem.title}</strong>
      {problem.detail && problem.detail !== problem.title && <p>{visible(problem.detail)}</p>}
      {problem.remedy && <p className="remedy">{problem.remedy}</p>}
      {retry && (
        <button type="button" className="button small" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Nothing here: what would be here, and how it gets here. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children && <div>{children}</div>}
    </div>
  );
}

/** Rows in the shape of what is coming. */
export function Waiting({ rows = 4 }: { rows?: number }) {
  return (
    <div className="waiting" aria-busy="true">
      <span className="unseen">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are alike and never move.
        <div key={row} className="bone" style={{ width: `${92 - ((row * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

/** Words the reader may want to see, folded. */
export function Fold({ title, children, open }: { title: ReactNode; children: ReactNode; open?: boolean }) {
  return (
    <details className="fold" open={open}>
      <summary>{title}</summary>
      <div>{children}</div>
    </details>
  );
}
