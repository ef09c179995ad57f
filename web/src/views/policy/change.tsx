/* What a change of policy comes to, as it is shown before it is accepted: the difference, the verdicts that would
   be another one, the proof. */
import { Link } from "@tanstack/react-router";
import { CommandLine } from "../../parts/command";
import { Fold } from "../../parts/notice";
import { Status } from "../../parts/status";
import { visible } from "../../parts/visible";
import { count } from "../../parts/words";
import type { FindingOut, ReplayedOut } from "../../wire/schema";

/** So many of the last runs are judged anew. */
export const LAST = 100;

export function Difference({ lines }: { lines: string[] }) {
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

function Replay({ change, projectId }: { change: ReplayedOut; projectId?: string }) {
  return (
    <li className="row row-replay">
      <span className="line inline">
        <Status status={change.now ?? change.recorded} quiet />
        <span aria-hidden="true">→</span>
        <span className="unseen">becomes</span>
        <Status status={change.changed} quiet />
      </span>
      <span className="two">
        {projectId ? (
          <Link
            to="/p/$projectId/runs/$runId"
            params={{ projectId, runId: change.run_id }}
            className="mono cut"
          >
            <CommandLine command={change.command} />
          </Link>
        ) : (
          <CommandLine command={change.command} />
        )}
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

/** Verdicts of runs that would be another one; of one project's runs each leads to its run. */
export function Replayed({ changes, projectId }: { changes: ReplayedOut[]; projectId?: string }) {
  if (changes.length === 0) return null;
  return (
    <ul className="rows boxed" aria-label="Verdicts that would be another one">
      {changes.map((each, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: one run may have several steps.
        <Replay key={`${each.run_id} ${index}`} change={each} projectId={projectId} />
      ))}
    </ul>
  );
}

export function Proof({ findings }: { findings: FindingOut[] }) {
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
