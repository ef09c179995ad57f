/* Accepting a project's own policy files: what they change is shown first (the difference, the last verdicts
   judged anew, the proof), and exactly what was shown is accepted. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Fold, ProblemNotice } from "../../parts/notice";
import { visible } from "../../parts/visible";
import { capital, count } from "../../parts/words";
import { acceptPolicy, previewPolicy } from "../../wire/requests";
import type { PolicyOut, PolicyPreviewOut } from "../../wire/schema";
import { Difference, LAST, Proof, Replayed } from "./change";

function Shown({ change, projectId }: { change: PolicyPreviewOut; projectId: string }) {
  if (change.problem)
    return (
      <div className="notice" data-tone="failed" role="alert">
        <strong>These files would be refused</strong>
        <p className="mono">{visible(change.problem)}</p>
        <p className="remedy">{capital(change.remedy)}</p>
      </div>
    );
  return (
    <div className="stack">
      <dl className="facts">
        <dt>Posture</dt>
        <dd>{change.posture}</dd>
        <dt>New or changed</dt>
        <dd className="mono">{change.added.join(", ") || "no rule"}</dd>
        {change.removed.length > 0 && (
          <>
            <dt>Taken away</dt>
            <dd className="mono">{change.removed.join(", ")}</dd>
          </>
        )}
        <dt>Verdicts</dt>
        <dd>
          {count(change.changes.filter((each) => each.by_policy !== false).length, "verdict")} of the last{" "}
          {change.replayed} would be another one
        </dd>
      </dl>
      <Replayed changes={change.changes} projectId={projectId} />
      <Proof findings={change.findings} />
      <Fold title="Difference to what was accepted" open>
        <Difference lines={change.difference} />
      </Fold>
    </div>
  );
}

export function Accept({ policy }: { policy: PolicyOut }) {
  const client = useQueryClient();
  const projectId = policy.project_id;
  const preview = useMutation({ mutationFn: () => previewPolicy(projectId, LAST) });
  const accept = useMutation({
    mutationFn: (digest: string) => acceptPolicy(projectId, digest),
    onSuccess: () => client.invalidateQueries({ queryKey: ["policy"] }),
  });
  const change = preview.data;
  return (
    <section className="card" aria-label="Project's files">
      <header>
        <h2>Project's files</h2>
        <span className="quiet cut">
          {policy.digest ? "as they lie there now" : "gone from the workspace"}
        </span>
      </header>
      <div className="card-body stack">
        <div className="line wraps">
          <button
            type="button"
            className="button"
            disabled={preview.isPending}
            onClick={() => {
              accept.reset();
              preview.mutate();
            }}
          >
            {preview.isPending ? "Judging the last verdicts anew" : "Show what accepting changes"}
          </button>
          {!policy.moves.includes("accept") && <span className="quiet">An admin accepts it.</span>}
        </div>
        {preview.isError && <ProblemNotice error={preview.error} />}
        {change && <Shown change={change} projectId={projectId} />}
        {change?.moves.includes("accept") && (
          <div className="line wraps">
            <button
              type="button"
              className="button primary"
              disabled={accept.isPending}
              onClick={() => accept.mutate(change.digest)}
            >
              {change.digest ? "Accept these files" : "Accept that there is none"}
            </button>
            <span className="quiet">in force at once, and in the audit log</span>
          </div>
        )}
        {accept.isError && <ProblemNotice error={accept.error} />}
      </div>
    </section>
  );
}
