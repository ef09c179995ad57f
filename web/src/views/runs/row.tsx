/* One run as a row, the same in every list. */
import { Link } from "@tanstack/react-router";
import { CommandLine } from "../../parts/command";
import { Status } from "../../parts/status";
import { Elapsed, Sentence, When } from "../../parts/time";
import { useLive } from "../../stream/live";
import type { RunOut } from "../../wire/schema";

/** `cancel` draws a button for it, where the server allows that move. */
export function RunRow({ run, cancel }: { run: RunOut; cancel?: () => void }) {
  const live = useLive().runs[run.run_id];
  const status = live && live.seq > 0 ? live.status : run.status;
  const isOver = run.ended_at !== null;
  return (
    <div className="row row-run" data-row>
      <Status status={isOver ? run.status : status} quiet />
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
      <span className="quiet wide-only">{run.connector}</span>
      <span className="quiet wide-only end">
        {run.started_at ? <Elapsed from={run.started_at} to={run.ended_at} /> : "–"}
      </span>
      <span className="quiet end">
        {cancel && run.moves.includes("cancel") ? (
          <button type="button" className="button small above" onClick={cancel}>
            Cancel…
          </button>
        ) : (
          <When at={run.created_at} />
        )}
      </span>
    </div>
  );
}
