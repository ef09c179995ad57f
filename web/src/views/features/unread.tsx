/* What could not be read in a document, where, and what to do about it. */
import { visible } from "../../parts/visible";
import type { DiagnosticOut } from "../../wire/schema";

export function Unread({
  diagnostics,
  open,
}: {
  diagnostics: DiagnosticOut[];
  open?: (path: string, line: number) => void;
}) {
  return (
    <ul className="stack tight">
      {diagnostics.map(({ path, line, problem, remedy }) => (
        <li key={`${path}:${line} ${problem}`} className="quote">
          {open ? (
            <button type="button" className="source" onClick={() => open(path, line)}>
              {visible(path)}:{line}
            </button>
          ) : (
            <span className="mono">
              {visible(path)}:{line}
            </span>
          )}
          <span>{visible(problem)}</span>
          <span className="quiet">{visible(remedy)}</span>
        </li>
      ))}
    </ul>
  );
}
