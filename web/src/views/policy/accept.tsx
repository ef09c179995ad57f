/* Accepting a project's own policy files: what they change is shown first (the difference, the last verdicts
   judged anew, the proof), and exactly what was shown is accepted. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CommandLine } from "../../parts/command";
import { Fold, ProblemNotice } from "../../parts/notice";
import { Status } from "../../parts/status";
import { visible } from "../../parts/visible";
import { capital, count } from "../../parts/words";
import { acceptPolicy, previewPolicy } from "../../wire/requests";
import type { FindingOut, PolicyOut, PolicyPreviewOut, ReplayedOut } from "../../wire/schema";

const LAST = 100;

function Difference({ lines }: { lines: string[] }) {
  if (lines.length === 0) return <p className="quiet">The text of the rules is the one that was accepted.</p>;
  return (
    <pre className="mono preview-lines diff">
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line's place is its identity.
        <span key={index} data-sign={line.charAt(0)}>
          {visible(line)}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}

function Replay({ change, projectId }: { change: ReplayedOut; projectId: string }) {
  return (
    <li className="row row-replay">
      <span className="line inline">
        <Status status={change.now ?? change.recorded} quiet />
        <span aria-hidden="true">→</span>
        <span className="unseen">becomes</span>
        <Status status={change.changed} quiet />
      </span>
      <span className="two">
        <Link
          to="/p/$projectId/runs/$runId"
          params={{ projectId, runId: change.run_id }}
          className="mono cut"
        >
          <CommandLine command={change.command} />
        </Link>
        <small>
          {change.rule_ids.join(", ")}
          {change.by_policy === false &&
            " · not by the policy: the machine or the shipped rules changed since"}
          {change.by_policy === null && " · compared with what was recorded"}
        </small>
      </span>
    </li>
  );
}

function Proof({ findings }: { findings: FindingOut[] }) {
  const refuted = findings.filter(({ is_proved }) => !is_proved);
  return (
    <Fold
      title={
        refuted.length > 0
          ? `Proof: ${refuted.length} of ${count(findings.length, "invariant")} refuted`
          : `Proof: all ${count(findings.length, "invariant")} hold, for every combination of facts`
      }
      open={refuted.length > 0}
    >
      <ul className="stack tight proof">
        {findings.map((finding) => (
          <li key={finding.name}>
            <Status status={finding.is_proved ? "proved" : "refuted"} quiet />
            <span>
              {finding.text}
              {!finding.is_proved && (
                <span className="mono quiet"> {finding.counter_example.join(", ")}</span>
              )}
            </span>
          </li>
        ))}
      </ul>
    </Fold>
  );
}

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
      {change.changes.length > 0 && (
        <ul className="rows boxed" aria-label="Verdicts that would be another one">
          {change.changes.map((each, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: one run may have several steps.
            <Replay key={`${each.run_id} ${index}`} change={each} projectId={projectId} />
          ))}
        </ul>
      )}
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
