/* One run as a row, the same in every list. */
import { Link } from "@tanstack/react-router";
import { CommandLine } from "../../parts/command";
import { Status } from "../../parts/status";
import { Elapsed, Sentence, When } from "../../parts/time";
import { useLive } from "../../stream/live";
import type { RunOut } from "../../wire/schema";
import { isTimedOut } from "./ending";

/** The names over the columns of `RunRow` with `full`. */
export function RunHead() {
  return (
    <div className="row row-run row-head" data-full aria-hidden="true">
      <span>Status</span>
      <span>Command</span>
      <span className="widest-only">Feature</span>
      <span className="widest-only">Asked by</span>
      <span>Connector</span>
      <span className="end">Took</span>
      <span className="end">Asked</span>
    </div>
  );
}

/** `cancel` and `dismiss` draw a button, the first where the server allows that move; `full` adds the
    feature and who asked. */
export function RunRow({
  run,
  cancel,
  dismiss,
  full = false,
}: {
  run: RunOut;
  cancel?: () => void;
  dismiss?: () => void;
  full?: boolean;
}) {
  const live = useLive().runs[run.run_id];
  const status = live && live.seq > 0 ? live.status : run.status;
  const isOver = run.ended_at !== null;
  return (
    <div className="row row-run" data-row data-full={full || undefined}>
      <Status
        status={isOver ? run.status : status}
        quiet
        {...(isTimedOut(run) ? { says: "timed out" } : {})}
      />
      <span className="two run-what">
        <Link
          to="/p/$projectId/runs/$runId"
          params={{ projectId: run.project_id, runId: run.run_id }}
          className="row-link"
        >
          <CommandLine command={run.command} />
        </Link>
        {run.why && (
          <small>
            <Sentence text={run.why} />
          </small>
        )}
      </span>
      {full && (
        <>
          <span className="quiet cut widest-only" title={run.feature_id ?? undefined}>
            {run.feature_id ?? "–"}
          </span>
          <span className="quiet cut widest-only" title={run.requested_by}>
            {run.requested_by}
          </span>
        </>
      )}
      <span className="quiet wide-only cut">{run.connector}</span>
      <span className="quiet wide-only end">
        {dismiss ? (
          <When at={run.ended_at ?? run.created_at} />
        ) : run.started_at ? (
          <Elapsed from={run.started_at} to={run.ended_at} />
        ) : (
          "–"
        )}
      </span>
      <span className="quiet end">
        {cancel && run.moves.includes("cancel") ? (
          <button type="button" className="button small above" onClick={cancel}>
            Cancel…
          </button>
        ) : dismiss ? (
          <button
            type="button"
            className="button small above"
            title="Takes it off this list, in this browser only"
            onClick={dismiss}
          >
            Dismiss
          </button>
        ) : (
          <When at={run.created_at} />
        )}
      </span>
    </div>
  );
}
