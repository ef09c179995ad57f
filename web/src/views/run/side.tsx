/* What stands beside the terminal: steps, the verdict's trace, approvals, artifacts, events. */
import { Link } from "@tanstack/react-router";
import { Download } from "lucide-react";
import type { ReactNode } from "react";
import { CommandLine, Id } from "../../parts/command";
import { Fold } from "../../parts/notice";
import { Risk, Status } from "../../parts/status";
import { Elapsed } from "../../parts/time";
import { size, spoken } from "../../parts/words";
import type { EventOut, MatchedRuleOut, RunDetailOut, StepOut } from "../../wire/schema";
import { Changed } from "../approvals/changes";
import { Deciders } from "../approvals/deciders";
import { Decision } from "../approvals/decision";
import { Preview } from "../approvals/preview";
import { RememberFold } from "../approvals/remember";
import { Rules } from "../review/facts";
import { isStepTimedOut } from "../runs/ending";
import { Network } from "./network";
import { Timeline } from "./timeline";

function Part({ title, children, amount }: { title: string; children: ReactNode; amount?: number }) {
  return (
    <section className="side-part">
      <h3>
        {title} {amount !== undefined && <span className="count">{amount}</span>}
      </h3>
      {children}
    </section>
  );
}

interface Trace {
  verdict: string;
  risk: string | null;
  codes: string[];
  rules: MatchedRuleOut[];
  digest: string;
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];

/** The parts of a stored verdict; what an older server left out stays empty. */
function traceOf(verdict: StepOut["verdict"]): Trace | null {
  if (!verdict || typeof verdict.verdict !== "string") return null;
  const rules = Array.isArray(verdict.matched_rules) ? verdict.matched_rules : [];
  return {
    verdict: verdict.verdict,
    risk: typeof verdict.risk_level === "string" ? verdict.risk_level : null,
    codes: strings(verdict.reason_codes),
    rules: rules as MatchedRuleOut[],
    digest: typeof verdict.policy_digest === "string" ? verdict.policy_digest : "",
  };
}

function Step({ step, isOnly }: { step: StepOut; isOnly: boolean }) {
  const trace = traceOf(step.verdict);
  return (
    <li className="stack tight">
      <div className="line">
        <Status status={step.status} quiet />
        <span className="quiet">
          {step.step_key}
          {step.attempt > 1 && ` · attempt ${step.attempt}`}
        </span>
        <span className="grow" />
        <span className="quiet">
          <Elapsed from={step.started_at} to={step.ended_at} />
        </span>
      </div>
      {!isOnly && <CommandLine command={step.command} />}
      {step.failure_reason && <p className="soft">{step.failure_reason}</p>}
      {step.exit_code !== null && !isStepTimedOut(step) && (
        <p className="quiet">exit status {step.exit_code}</p>
      )}
      {step.sync_status !== "in_sync" && <p className="quiet">{spoken(step.sync_status)}</p>}
      {trace && (
        <Fold
          title={
            <span className="line inline">
              <Status status={trace.verdict} quiet /> <Risk level={trace.risk} />
            </span>
          }
          open={isOnly && trace.verdict !== "allow"}
        >
          <Rules rules={trace.rules} codes={trace.codes} />
          {trace.digest && <p className="quiet mono cut">policy {trace.digest}</p>}
        </Fold>
      )}
    </li>
  );
}

export function Side({ run, events }: { run: RunDetailOut; events: readonly EventOut[] }) {
  return (
    <div className="side">
      {run.approvals.length > 0 && (
        <Part title="Approvals" amount={run.approvals.length}>
          <div className="stack">
            {run.approvals.map((approval) => (
              <div key={approval.approval_id} className="stack tight">
                <div className="line wraps">
                  <Status status={approval.status} quiet />
                  <Risk level={approval.risk_level} />
                  <span className="quiet">asked by {approval.requested_by}</span>
                </div>
                <Changed approval={approval} />
                <Deciders approval={approval} />
                <Preview approval={approval} isWhole />
                <Decision approval={approval} />
                {approval.moves.includes("edit") && (
                  <Link
                    to="/p/$projectId/approvals/$approvalId"
                    params={{ projectId: approval.project_id, approvalId: approval.approval_id }}
                  >
                    Change it, or add one network name
                  </Link>
                )}
                {approval.may_propose && <RememberFold runId={approval.run_id} />}
              </div>
            ))}
          </div>
        </Part>
      )}
      <Part title="Steps" amount={run.steps.length}>
        <ul className="stack">
          {run.steps.map((step) => (
            <Step key={step.step_id} step={step} isOnly={run.steps.length === 1} />
          ))}
        </ul>
      </Part>
      <Part title="Network">
        <Network words={run.network} events={events} isOver={run.ended_at !== null} />
      </Part>
      {run.artifacts.length > 0 && (
        <Part title="Artifacts" amount={run.artifacts.length}>
          <ul className="stack tight">
            {run.artifacts.map((artifact) => (
              <li key={artifact.artifact_id} className="line">
                <a href={`/api/artifacts/${artifact.artifact_id}`} download className="line">
                  <Download aria-hidden /> {artifact.kind}
                </a>
                <span className="quiet">
                  {size(artifact.size_bytes)}
                  {artifact.truncated && ", cut"}
                </span>
                <span className="grow" />
                <span className="quiet mono" title={artifact.digest}>
                  {artifact.digest.replace(/^sha256:/, "").slice(0, 10)}
                </span>
              </li>
            ))}
          </ul>
        </Part>
      )}
      <Part title="Events" amount={events.length}>
        <Timeline events={events} />
      </Part>
      <Part title="Proof">
        <dl className="facts">
          <dt>Run</dt>
          <dd>
            <Id id={run.run_id} />
          </dd>
          <dt>Plan</dt>
          <dd className="mono cut" title={run.plan_digest}>
            {run.plan_digest.slice(0, 20)}
          </dd>
        </dl>
      </Part>
    </div>
  );
}
