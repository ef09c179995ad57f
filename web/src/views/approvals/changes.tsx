/* A difference in words: what it was, and what it is. The text is the server's, hidden characters shown. */
import type { ChangeOut } from "../../wire/schema";

/** A blank would read as if something were cut. */
const NOTHING = "none";

export function Changes({ changes }: { changes: ChangeOut[] }) {
  return (
    <dl className="changes">
      {changes.map(({ field, before, after }) => (
        <div key={field}>
          <dt>{field}</dt>
          <dd>
            <del>{before || NOTHING}</del>
            <ins>{after || NOTHING}</ins>
          </dd>
        </div>
      ))}
    </dl>
  );
}
