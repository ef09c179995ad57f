/* A difference in words: what it was, and what it is. The text is the server's, hidden characters shown. */
import { Words } from "../../parts/command";
import type { ApprovalOut, ChangeOut } from "../../wire/schema";

/** A blank would read as if something were cut; the word for nothing is no text that was struck out. */
function Side({ text }: { text: string }) {
  return text ? <Words text={text} /> : <em className="nothing">none</em>;
}

/** What is not as it was first asked for: changed by an editor, or by itself, so that it is asked about anew. */
export function Changed({ approval }: { approval: ApprovalOut }) {
  if (approval.changes.length === 0) return null;
  return (
    <div className="stack tight">
      <p className="soft">
        {approval.edited_by
          ? `${approval.edited_by} changed what was asked for:`
          : "Asked anew, for this has changed since it was first asked about:"}
      </p>
      <Changes changes={approval.changes} />
    </div>
  );
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
