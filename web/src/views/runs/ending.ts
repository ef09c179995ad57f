/* How a run ended, where its exit code alone would mislead. It reads the server's words and judges nothing. */
import type { RunOut, StepOut } from "../../wire/schema";

const TIMED_OUT = new Set(["timed_out", "idle_timed_out"]);

/** Whether a limit ended the step; its exit code is then that of our signal, not of the program. */
export const isStepTimedOut = (step: Pick<StepOut, "provider_status_raw" | "failure_reason">): boolean =>
  TIMED_OUT.has(step.provider_status_raw ?? "") || (step.failure_reason ?? "").startsWith("timed out");

/** Whether a limit ended the run. A run in a list carries no step: there its one line says so. */
export const isTimedOut = (
  run: Pick<RunOut, "status" | "why"> & {
    steps?: readonly Pick<StepOut, "provider_status_raw" | "failure_reason">[];
  },
): boolean =>
  run.status === "failed" &&
  (run.why.startsWith("Failed: timed out") || (run.steps ?? []).some(isStepTimedOut));

/** What stands beside the status where the status alone would mislead: a limit, or an approver's no. */
export const outcomeOf = (
  run: Parameters<typeof isTimedOut>[0] & { canceled?: Pick<NonNullable<RunOut["canceled"]>, "how"> | null },
): string | null => {
  if (isTimedOut(run)) return "timed out";
  return run.canceled && run.canceled.how !== "canceled" ? run.canceled.how : null;
};
