/* Whether the record is whole: the result of checking every event's hash against the next. */
import { useQuery } from "@tanstack/react-query";
import { Check, TriangleAlert } from "lucide-react";
import { CommandBlock } from "../../parts/command";
import { Empty, ProblemNotice, Waiting } from "../../parts/notice";
import { count } from "../../parts/words";
import { useLive } from "../../stream/live";
import { auditQuery } from "../../wire/queries";
import { useHere } from "../frame/here";
import { Timeline } from "../run/timeline";

export function AuditPage() {
  const { projectId } = useHere();
  const audit = useQuery(auditQuery(projectId));
  const recent = useLive().recent;
  return (
    <div className="page narrow">
      <header className="page-head">
        <h1>Audit</h1>
        <span className="grow" />
        <button
          type="button"
          className="button"
          disabled={audit.isFetching || !projectId}
          onClick={() => void audit.refetch()}
        >
          {audit.isFetching ? "Verifying…" : "Verify again"}
        </button>
      </header>
      {!projectId && <Empty title="No project yet">Its record begins with its first event.</Empty>}
      {projectId && audit.isPending && <Waiting rows={3} />}
      {audit.isError && <ProblemNotice error={audit.error} retry={() => void audit.refetch()} />}
      {audit.data && (
        <section className="card audit" data-tone={audit.data.ok ? "succeeded" : "failed"} aria-live="polite">
          <div className="card-body stack">
            <div className="line">
              {audit.data.ok ? <Check aria-hidden /> : <TriangleAlert aria-hidden />}
              <h2>{audit.data.ok ? "The record is whole" : "The record was changed"}</h2>
            </div>
            <p className="soft">
              {audit.data.ok
                ? `${count(audit.data.events, "event")} checked, each bound to the one before it; ${count(audit.data.checkpoints, "checkpoint")}.`
                : audit.data.problem}
            </p>
            {!audit.data.ok && audit.data.first_bad !== null && (
              <p>
                The first event that does not fit is <strong>#{audit.data.first_bad}</strong>. Nothing from
                there on can be relied upon.
              </p>
            )}
            <p className="quiet">The same check without this server, and the transcripts compared too:</p>
            <CommandBlock command="workbench audit verify" />
          </div>
        </section>
      )}
      <section className="card">
        <header>
          <h2>Latest events</h2>
        </header>
        <div className="card-body">
          {recent.length === 0 ? (
            <p className="quiet">Events show up here as they are recorded.</p>
          ) : (
            <Timeline events={[...recent].reverse().slice(0, 100)} />
          )}
        </div>
      </section>
    </div>
  );
}
