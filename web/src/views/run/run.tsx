/* The run's page: where it stands and why, its terminal, and everything that was recorded of it. */
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Ban, Play, RotateCcw } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { CommandBlock, Id } from "../../parts/command";
import { useKeys } from "../../parts/keys";
import { ProblemNotice, Waiting } from "../../parts/notice";
import { Risk, Status } from "../../parts/status";
import { Elapsed, Sentence, When } from "../../parts/time";
import { visible } from "../../parts/visible";
import { useLive } from "../../stream/live";
import { runQuery } from "../../wire/queries";
import type { EventOut, RunDetailOut } from "../../wire/schema";
import { outcomeOf } from "../runs/ending";
import { CancelForm, ResumeForm, RetryForm } from "./actions";
import { Side } from "./side";

const RunTerminal = lazy(() => import("../../terminal/terminal"));
const route = getRouteApi("/p/$projectId/runs/$runId");

/** The server's events of a run and those that arrived since, each once, newest first. */
function allEvents(run: RunDetailOut, recent: readonly EventOut[]): EventOut[] {
  const bySeq = new Map<number, EventOut>();
  for (const event of [...run.events, ...recent.filter(({ run_id }) => run_id === run.run_id)])
    bySeq.set(event.seq, event);
  return [...bySeq.values()].sort((one, other) => other.seq - one.seq);
}

export function RunPage() {
  const { projectId, runId } = route.useParams();
  const query = useQuery(runQuery(runId));
  const live = useLive();
  const [form, setForm] = useState<"cancel" | "resume" | "retry" | null>(null);
  const run = query.data;
  const moves = run?.moves ?? [];
  useKeys({ ...(moves.includes("cancel") ? { c: () => setForm("cancel") } : {}) });

  if (query.isPending)
    return (
      <div className="page">
        <Waiting rows={8} />
      </div>
    );
  if (!run)
    return (
      <div className="page">
        <ProblemNotice error={query.error} retry={() => void query.refetch()} />
      </div>
    );

  const events = allEvents(run, live.recent);
  const known = run.events.at(-1)?.seq ?? 0;
  const newer = live.runs[runId];
  // An event is newer than the answer only when its number is.
  const status = newer && newer.seq > known ? newer.status : run.status;
  const outcome = outcomeOf(run);
  return (
    <div className="page run-page">
      <header className="run-head">
        <h1 className="unseen">Run of {visible(run.command)}</h1>
        <div className="line wraps">
          <span role="status">
            <Status status={status} />
          </span>
          <Risk level={run.risk_level} />
          <span className="soft">
            <Elapsed from={run.started_at} to={run.ended_at} />
          </span>
          {outcome ? (
            <span className="quiet">{outcome}</span>
          ) : (
            run.exit_code !== null && <span className="quiet">exit {run.exit_code}</span>
          )}
          <span className="grow" />
          {moves.includes("cancel") && (
            <button
              type="button"
              className="button danger"
              aria-expanded={form === "cancel"}
              onClick={() => setForm(form === "cancel" ? null : "cancel")}
            >
              <Ban aria-hidden /> Cancel run
            </button>
          )}
          {moves.includes("resume") && (
            <button
              type="button"
              className="button"
              aria-expanded={form === "resume"}
              onClick={() => setForm(form === "resume" ? null : "resume")}
            >
              <Play aria-hidden /> Resume
            </button>
          )}
          {moves.includes("retry") && (
            <button
              type="button"
              className="button"
              aria-expanded={form === "retry"}
              onClick={() => setForm(form === "retry" ? null : "retry")}
            >
              <RotateCcw aria-hidden /> Retry
            </button>
          )}
        </div>
        <CommandBlock command={run.command} large />
        {run.why && (
          <p
            className="why"
            data-tone={status === "failed" ? "failed" : status === "blocked" ? "blocked" : undefined}
          >
            <Sentence text={run.why} />
          </p>
        )}
        {run.steps
          .flatMap((step) => step.notes)
          .map((note) => (
            <p key={note} className="why" role="note" data-tone="blocked">
              <Sentence text={visible(note)} />
            </p>
          ))}
        <p className="quiet run-facts">
          <span>{run.requested_by}</span>
          <span>
            on {run.connector}, {run.mode === "pipe" ? "streams apart" : "a terminal"}
          </span>
          <span>
            asked <When at={run.created_at} />
          </span>
          {run.cwd && <span className="mono">{run.cwd}</span>}
          {run.feature_id && (
            <Link to="/p/$projectId/features/$featureId" params={{ projectId, featureId: run.feature_id }}>
              {run.feature_id}
            </Link>
          )}
          {run.recommendation_rule_id && <span>rule {run.recommendation_rule_id}</span>}
          {run.retry_of_run_id && (
            <span>
              again after{" "}
              <Link to="/p/$projectId/runs/$runId" params={{ projectId, runId: run.retry_of_run_id }}>
                an earlier one
              </Link>
            </span>
          )}
          <Id id={run.run_id} />
        </p>
        {form === "cancel" && moves.includes("cancel") && (
          <CancelForm run={run} close={() => setForm(null)} />
        )}
        {form === "resume" && moves.includes("resume") && (
          <ResumeForm run={run} close={() => setForm(null)} />
        )}
        {form === "retry" && moves.includes("retry") && <RetryForm run={run} close={() => setForm(null)} />}
      </header>
      <div className="run-body" data-held={status === "blocked" || undefined}>
        <Suspense
          fallback={
            <section className="run-terminal" aria-label="Terminal">
              <Waiting rows={6} />
            </section>
          }
        >
          <RunTerminal key={runId} runId={runId} mode={run.mode} mayType={moves.includes("input")} />
        </Suspense>
        <Side run={run} events={events} />
      </div>
    </div>
  );
}
