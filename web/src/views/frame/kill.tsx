/* The kill switch's state, on every page: a word in the top bar, and a red bar over everything while on. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { OctagonX, ShieldCheck } from "lucide-react";
import { Popover } from "radix-ui";
import { useState } from "react";
import { ProblemNotice } from "../../parts/notice";
import { When } from "../../parts/time";
import { visible } from "../../parts/visible";
import { spoken } from "../../parts/words";
import { killQuery } from "../../wire/queries";
import { setKill } from "../../wire/requests";
import type { KillOut } from "../../wire/schema";
import { useHere } from "./here";

/** Which kill is lifted: a project's own, or the one for everything. */
const isOfProject = (kill: KillOut | undefined) => kill?.scope.startsWith("project:") ?? false;

/** Asks for the reason, and throws or lifts the switch for everything or, where one is open, for a project. */
export function KillForm({ kill, done }: { kill: KillOut | undefined; done?: () => void }) {
  const { projectId, project } = useHere();
  const engaged = kill?.engaged ?? false;
  const [reason, setReason] = useState("");
  const [stops, setStops] = useState(false);
  const [isHere, setHere] = useState(false);
  const scoped = engaged ? isOfProject(kill) : isHere && Boolean(projectId);
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: () =>
      setKill({
        engaged: !engaged,
        reason,
        project_id: scoped ? projectId : null,
        stop_running: !engaged && stops,
      }),
    onSuccess: () => {
      void client.invalidateQueries();
      setReason("");
      done?.();
    },
  });
  const name = visible(project?.name ?? "this project");
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason.trim()) change.mutate();
      }}
    >
      <p className="soft">
        {engaged
          ? "Lifting it lets new runs start. A run that is held stays held until somebody resumes it, on its page."
          : scoped
            ? `Nothing new starts in ${name}, until it is lifted. Runs that are held stay held.`
            : "Nothing new starts, in any project, until it is lifted. Runs that are held stay held."}
      </p>
      {!engaged && projectId && (
        <fieldset className="segments">
          <legend className="unseen">What to stop</legend>
          <button type="button" aria-pressed={!isHere} onClick={() => setHere(false)}>
            everything
          </button>
          <button type="button" aria-pressed={isHere} onClick={() => setHere(true)}>
            only {name}
          </button>
        </fieldset>
      )}
      <label className="field">
        Why
        <input value={reason} onChange={(event) => setReason(event.target.value)} required maxLength={4000} />
      </label>
      {!engaged && (
        <label className="check-field">
          <input type="checkbox" checked={stops} onChange={(event) => setStops(event.target.checked)} />
          <span>Also stop what runs now</span>
        </label>
      )}
      {change.isError && <ProblemNotice error={change.error} />}
      <div>
        <button
          type="submit"
          className={engaged ? "button primary" : "button danger primary"}
          disabled={!reason.trim() || change.isPending}
        >
          {engaged ? "Lift the kill switch" : scoped ? `Stop ${name}` : "Stop everything"}
        </button>
      </div>
    </form>
  );
}

/** The word in the top bar. */
export function KillState() {
  const { projectId } = useHere();
  const { data: kill, isError } = useQuery(killQuery(projectId));
  const [isOpen, setOpen] = useState(false);
  const engaged = kill?.engaged ?? false;
  const says = isError ? "Kill switch unknown" : engaged ? "Kill switch on" : "Kill switch off";
  return (
    <Popover.Root open={isOpen} onOpenChange={setOpen}>
      <Popover.Trigger
        className="bar-state"
        data-tone={isError ? "blocked" : engaged ? "failed" : undefined}
        aria-label={says}
      >
        {engaged || isError ? <OctagonX aria-hidden /> : <ShieldCheck aria-hidden />}
        <span className="bar-word">{says}</span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="menu popover" align="end" sideOffset={6} aria-label="Kill switch">
          <h3>{says}</h3>
          <KillForm kill={kill} done={() => setOpen(false)} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** The red bar: who, when, why. */
export function KillBar() {
  const { projectId } = useHere();
  const { data: kill } = useQuery(killQuery(projectId));
  if (!kill?.engaged) return null;
  return (
    <div className="kill-bar" role="alert">
      <OctagonX aria-hidden />
      <strong>Kill switch on{kill.scope ? ` (${spoken(kill.scope)})` : ""}: nothing starts.</strong>
      <span>
        {kill.reason}
        {kill.by && ` · ${kill.by}`}
        {kill.at && (
          <>
            {" · "}
            <When at={kill.at} />
          </>
        )}
      </span>
    </div>
  );
}
