/* A difference in words: what it was, and what it is. The text is the server's, hidden characters shown. */
import { Words } from "../../parts/command";
import type { ChangeOut } from "../../wire/schema";

/** A blank would read as if something were cut; the word for nothing is no text that was struck out. */
function Side({ text }: { text: string }) {
  return text ? <Words text={text} /> : <em className="nothing">none</em>;
}

export function Changes({ changes }: { changes: ChangeOut[] }) {
  return (
    <dl className="changes">
      {changes.map(({ field, before, after }) => (
        <div key={field}>
          <dt>{field}</dt>
          <dd>
            <del>
              <Side text={before} />
            </del>
            <ins>
              <Side text={after} />
            </ins>
          </dd>
        </div>
      ))}
    </dl>
  );
}
