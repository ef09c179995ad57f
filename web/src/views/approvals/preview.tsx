/* What a held command does to a copy of the workspace: tried when it is asked for, and shown to all later. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { FlaskConical } from "lucide-react";
import { Words } from "../../parts/command";
import { Fold, ProblemNotice } from "../../parts/notice";
import { When } from "../../parts/time";
import { visible } from "../../parts/visible";
import { capital, count, spoken } from "../../parts/words";
import { previewQuery } from "../../wire/queries";
import { previewRun } from "../../wire/requests";
import type { ApprovalOut, PreviewOut } from "../../wire/schema";

function Paths({ name, paths, amount }: { name: string; paths: string[]; amount: number }) {
  if (amount === 0) return null;
  return (
    <>
      <dt>
        {name} {amount}
      </dt>
      <dd className="mono">
        {paths.map(visible).join("  ")}
        {paths.length > 0 && amount > paths.length && ` … ${amount - paths.length} more`}
      </dd>
    </>
  );
}

function Lines({ text }: { text: string }) {
  return <pre className="mono preview-lines">{text.split("\n").map(visible).join("\n")}</pre>;
}

export function Found({ found }: { found: PreviewOut }) {
  const { counts } = found;
  return (
    <div className="stack tight">
      <p className="soft">
        On a copy, without network and secrets: {spoken(found.end_reason)}
        {found.exit_code !== null && `, exit status ${found.exit_code}`}. {found.detail}
      </p>
      {found.withheld && <p className="notice">{visible(found.withheld)}</p>}
      {found.emptied_files > 0 && (
        <p className="quiet">
          Empty in the copy, as secrets lie there by their name:{" "}
          <span className="mono">{found.emptied.map(visible).join("  ")}</span>
          {found.emptied_files > found.emptied.length &&
            ` … ${found.emptied_files - found.emptied.length} more`}
        </p>
      )}
      {found.is_history_omitted && (
        <p className="quiet">
          Without git's history, as the command is not understood: what it does with git it could not do here.
        </p>
      )}
      <dl className="facts">
        <Paths name="Created" paths={found.created} amount={counts.created ?? 0} />
        <Paths name="Changed" paths={found.changed} amount={counts.changed ?? 0} />
        <Paths name="Deleted" paths={found.deleted} amount={counts.deleted ?? 0} />
        <Paths name="No text" paths={found.binary} amount={found.binary.length} />
        <Paths name="Too long to show" paths={found.unshown} amount={found.unshown.length} />
        {found.git_files > 0 && (
          <>
            <dt>Git</dt>
            <dd>{count(found.git_files, "file")} of its own</dd>
          </>
        )}
      </dl>
      {found.diff && (
        <Fold title="Difference" open>
          <Lines text={found.diff} />
          {found.is_cut && <p className="quiet">The rest is not shown.</p>}
        </Fold>
      )}
      <Fold
        title={
          found.is_count_exact
            ? count(found.processes_started, "process", "processes and threads")
            : `At least ${count(found.processes_started, "process", "processes")}`
        }
      >
        {found.process_names.length > 0 && (
          <ul className="mono stack tight preview-names" aria-label="What was started">
            {found.process_names.map((line) => (
              <li key={line}>
                <Words text={visible(line)} />
              </li>
            ))}
          </ul>
        )}
        <p className="quiet" hidden={found.withheld !== ""}>
          {found.is_every_process_named
            ? "Each command line once, as the kernel saw it start."
            : "Not all: the others lived too short to be seen, or there were too many."}
        </p>
      </Fold>
      {found.output_tail && (
        <Fold title="The end of its output">
          <Lines text={found.output_tail} />
        </Fold>
      )}
    </div>
  );
}

/** The newest preview that was made, by whomever; nothing runs for it. */
function Recorded({ artifactId }: { artifactId: string }) {
  const recorded = useQuery(previewQuery(artifactId));
  if (recorded.isError) return <ProblemNotice error={recorded.error} />;
  if (!recorded.data) return null;
  const { by, at, outdated } = recorded.data;
  return (
    <section className="stack tight" aria-label="Preview">
      <p className="quiet">
        Tried for {visible(by)} <When at={at} />
      </p>
      {outdated && <p className="notice">{capital(visible(outdated))}.</p>}
      <Found found={recorded.data} />
    </section>
  );
}

/** The button is there when the server says that this actor may have it tried; what was recorded is there for
    all. Of what is decided it is shown where the approval is `isWhole`. */
export function Preview({ approval, isWhole = false }: { approval: ApprovalOut; isWhole?: boolean }) {
  const client = useQueryClient();
  const preview = useMutation({
    mutationFn: () => previewRun(approval.run_id),
    onSuccess: (found) => client.setQueryData(previewQuery(found.artifact_id).queryKey, found),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ["run", approval.run_id] });
      void client.invalidateQueries({ queryKey: ["approvals"] });
    },
  });
  const isShown = approval.status === "pending" || isWhole;
  const newest = approval.previews[0]?.artifact_id ?? preview.data?.artifact_id;
  const label = newest ? "Try it again on a copy" : "Preview on a copy";
  if (!approval.may_preview && !(isShown && newest)) return null;
  return (
    <div className="stack tight">
      {approval.may_preview && (
        <div className="line wraps">
          <button
            type="button"
            className="button"
            disabled={preview.isPending}
            onClick={() => preview.mutate()}
          >
            <FlaskConical aria-hidden /> {preview.isPending ? "Trying it on a copy" : label}
          </button>
          <span className="quiet">without network and secrets; the workspace stays as it is</span>
        </div>
      )}
      {preview.isError && <ProblemNotice error={preview.error} />}
      {isShown && newest && <Recorded artifactId={newest} />}
    </div>
  );
}
