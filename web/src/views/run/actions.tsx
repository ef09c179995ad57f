/* Cancel, resume and retry, each asking in its place for what it needs: a reason, an acknowledgement. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ProblemNotice } from "../../parts/notice";
import { visible } from "../../parts/visible";
import { cancelRun, resumeRun, retryRun } from "../../wire/requests";
import type { RunDetailOut } from "../../wire/schema";
import { refusedNames } from "./connections";

interface Act {
  run: Pick<RunDetailOut, "run_id">;
  close: () => void;
}

/** Asks for the reason of an act on a run, and does it. */
function ReasonForm({
  run,
  close,
  act,
  ask,
  go,
  leave,
  tone,
}: Act & {
  act: (runId: string, reason: string) => Promise<RunDetailOut>;
  ask: string;
  go: string;
  leave: string;
  tone: "failed" | "blocked";
}) {
  const [reason, setReason] = useState("");
  const client = useQueryClient();
  const acting = useMutation({
    mutationFn: () => act(run.run_id, reason),
    onSuccess: (answer) => {
      client.setQueryData(["run", run.run_id], answer);
      void client.invalidateQueries({ queryKey: ["runs"] });
      close();
    },
  });
  return (
    <form
      className="notice inline-form"
      data-tone={tone}
      onSubmit={(event) => {
        event.preventDefault();
        acting.mutate();
      }}
    >
      <label className="field grow">
        {ask}
        <input
          aria-label="Reason"
          // biome-ignore lint/a11y/noAutofocus: the field opens because the reader asked to act.
          autoFocus
          placeholder="for the record; may be empty"
          value={reason}
          maxLength={4000}
          onChange={(event) => setReason(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") {
              event.stopPropagation();
              close();
            }
          }}
        />
      </label>
      <button
        type="submit"
        className={tone === "failed" ? "button danger primary" : "button primary"}
        disabled={acting.isPending}
      >
        {go}
      </button>
      <button type="button" className="button" onClick={close}>
        {leave}
      </button>
      {acting.isError && <ProblemNotice error={acting.error} />}
    </form>
  );
}

/** The run ends only when none of its processes is left. */
export function CancelForm({ run, close }: Act) {
  return (
    <ReasonForm
      run={run}
      close={close}
      act={cancelRun}
      ask="Why stop it?"
      go="Stop it now"
      leave="Keep it"
      tone="failed"
    />
  );
}

/** A held run goes on only when somebody says so; the server looks first whether it would be held again. */
export function ResumeForm({ run, close }: Act) {
  return (
    <ReasonForm
      run={run}
      close={close}
      act={resumeRun}
      ask="Why may it go on?"
      go="Resume it"
      leave="Leave it held"
      tone="blocked"
    />
  );
}

/** A retry repeats the effects of the first run; that is acknowledged, not assumed. */
export function RetryForm({ run, close }: { run: RunDetailOut; close: () => void }) {
  const [knows, setKnows] = useState(false);
  const [names, setNames] = useState<string[]>([]);
  const [other, setOther] = useState("");
  const asked = other.trim() ? [...names, other.trim()] : names;
  const refused = refusedNames(run.events);
  const navigate = useNavigate();
  const client = useQueryClient();
  const retry = useMutation({
    mutationFn: () => retryRun(run.run_id, asked),
    onSuccess: (next) => {
      client.setQueryData(["run", next.run_id], next);
      close();
      void navigate({
        to: "/p/$projectId/runs/$runId",
        params: { projectId: next.project_id, runId: next.run_id },
      });
    },
  });
  return (
    <form
      className="notice stack"
      data-tone="blocked"
      onSubmit={(event) => {
        event.preventDefault();
        if (knows) retry.mutate();
      }}
    >
      <label className="check-field">
        <input type="checkbox" checked={knows} onChange={(event) => setKnows(event.target.checked)} />
        <span>A new run repeats what the first one did: files it wrote, messages it sent. I know that.</span>
      </label>
      {refused.map((name) => (
        <label key={name} className="check-field">
          <input
            type="checkbox"
            checked={names.includes(name)}
            onChange={(event) =>
              setNames(event.target.checked ? [...names, name] : names.filter((each) => each !== name))
            }
          />
          <span>
            Let it reach <span className="mono">{visible(name)}</span>, this once. That needs an approval.
          </span>
        </label>
      ))}
      <label className="field">
        <small>One more name that it may reach, this once; that needs an approval</small>
        <input
          aria-label="One more name to reach"
          className="mono"
          placeholder="example.org"
          spellCheck={false}
          autoCapitalize="none"
          value={other}
          onChange={(event) => setOther(event.target.value)}
        />
      </label>
      <div className="line wraps">
        <button type="submit" className="button primary" disabled={!knows || retry.isPending}>
          {asked.length > 0 ? "Ask for approval" : "Start it again"}
        </button>
        <button type="button" className="button" onClick={close}>
          Leave it
        </button>
      </div>
      {retry.isError && <ProblemNotice error={retry.error} />}
    </form>
  );
}
