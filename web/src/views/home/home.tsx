/* Home: what needs a person, what runs, what comes next. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import { CommandBlock, CommandLine } from "../../parts/command";
import { useKeys } from "../../parts/keys";
import { Empty, ProblemNotice, Waiting } from "../../parts/notice";
import { Risk, Status } from "../../parts/status";
import { useNow, When } from "../../parts/time";
import { adviceQuery, approvalsQuery, featuresQuery, runsQuery } from "../../wire/queries";
import type { AdviceOut, RunOut } from "../../wire/schema";
import { useHere } from "../frame/here";
import { type Asked, ReviewDialog } from "../review/review";
import { CancelForm } from "../run/actions";
import { RunRow } from "../runs/row";
import { AddProject } from "../settings/project";
import { dismiss, isDenied, restore, unanswered, useDismissed } from "./needs";

const MOST = 6;
const MOST_PAST = 5;
const MANY = 200;

function Stack({
  title,
  amount,
  children,
  more,
}: {
  title: string;
  amount?: number;
  children: ReactNode;
  more?: ReactNode;
}) {
  return (
    <section className="card" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {amount ? <span className="count">{amount}</span> : null}
        <span className="grow" />
        {more}
      </header>
      {children}
    </section>
  );
}

function useRuns(projectId: string, status: string, limit = 20): RunOut[] | undefined {
  return useInfiniteQuery(runsQuery(projectId, { status }, limit)).data?.pages.flatMap(({ body }) => body);
}

const NO_RETRY: ReadonlySet<string> = new Set();

/** Ids of the runs that a later run repeats, among the newest. */
function useRetried(projectId: string): ReadonlySet<string> {
  const { data } = useInfiniteQuery(runsQuery(projectId, {}, MANY));
  return useMemo(
    () =>
      data
        ? new Set(data.pages.flatMap(({ body }) => body.flatMap((run) => run.retry_of_run_id ?? [])))
        : NO_RETRY,
    [data],
  );
}

/** Runs to look at once: a few, each can be put away, and where the rest is. */
function Past({ runs, projectId, status }: { runs: readonly RunOut[]; projectId: string; status: string }) {
  const more = runs.length - MOST_PAST;
  return (
    <>
      {runs.slice(0, MOST_PAST).map((run) => (
        <RunRow key={run.run_id} run={run} dismiss={() => dismiss(run.run_id)} />
      ))}
      {more > 0 && (
        <p className="row-more">
          <Link to="/p/$projectId/runs" params={{ projectId }} search={{ status }}>
            and {more.toLocaleString("en")} more {status === "failed" ? "failed" : "denied"}
          </Link>
        </p>
      )}
    </>
  );
}

function Needs({ projectId }: { projectId: string }) {
  const minute = Math.floor(useNow() / 60_000) * 60_000;
  const approvals = useQuery(approvalsQuery(projectId, "pending"));
  const blocked = useRuns(projectId, "blocked", MANY) ?? [];
  const failed = useRuns(projectId, "failed", MANY) ?? [];
  const retried = useRetried(projectId);
  const dismissed = useDismissed();
  if (approvals.isPending) return <Waiting rows={2} />;
  const pending = approvals.data ?? [];
  const isOpen = ({ run_id }: RunOut) => dismissed[run_id] === undefined;
  const held = blocked.filter(
    (run) => run.blocked_by !== "approval" && !isDenied(run) && !retried.has(run.run_id),
  );
  const past = unanswered(failed, retried, minute);
  const denied = unanswered(blocked.filter(isDenied), retried, minute);
  const openPast = past.filter(isOpen);
  const openDenied = denied.filter(isOpen);
  const away = [...past, ...denied].filter((run) => !isOpen(run)).map(({ run_id }) => run_id);
  const amount = pending.length + held.length + openPast.length + openDenied.length;
  return (
    <Stack
      title="Needs you"
      amount={amount}
      more={
        pending.length > 0 && (
          <Link to="/p/$projectId/approvals" params={{ projectId }}>
            Open the inbox
          </Link>
        )
      }
    >
      <div className="rows">
        {pending.slice(0, MOST).map((approval) => (
          <div key={approval.approval_id} className="row row-need" data-row>
            <Status status="pending" quiet says="approval" />
            <span className="two">
              <Link
                to="/p/$projectId/approvals/$approvalId"
                params={{ projectId, approvalId: approval.approval_id }}
                className="row-link"
              >
                <CommandLine command={approval.command_visible} />
              </Link>
              <small>
                {approval.requested_by} ·{" "}
                {approval.matched_rules[0]?.text ?? approval.reason_codes.join(", ")}
              </small>
            </span>
            <Risk level={approval.risk_level} />
            <span className="quiet end wide-only">
              <When at={approval.created_at} />
            </span>
          </div>
        ))}
        {pending.length > MOST && (
          <p className="row-more">
            <Link to="/p/$projectId/approvals" params={{ projectId }}>
              and {pending.length - MOST} more in the inbox
            </Link>
          </p>
        )}
        {held.slice(0, MOST).map((run) => (
          <RunRow key={run.run_id} run={run} />
        ))}
        {held.length > MOST && (
          <p className="row-more">
            <Link to="/p/$projectId/runs" params={{ projectId }} search={{ status: "blocked" }}>
              and {held.length - MOST} more held
            </Link>
          </p>
        )}
        <Past runs={openDenied} projectId={projectId} status="blocked" />
        <Past runs={openPast} projectId={projectId} status="failed" />
      </div>
      {amount === 0 && (
        <Empty title="Nothing waits for you">
          Commands that policy holds, and runs of the last day that failed or were denied, come here first.
        </Empty>
      )}
      {away.length > 0 && (
        <p className="row-more">
          <span>{away.length} dismissed here</span>
          <button type="button" className="button small" onClick={() => restore(away)}>
            Show again
          </button>
        </p>
      )}
    </Stack>
  );
}

function Running({ projectId }: { projectId: string }) {
  const running = useRuns(projectId, "running");
  const queued = useRuns(projectId, "queued");
  const all = [...(running ?? []), ...(queued ?? [])];
  const [canceling, setCanceling] = useState("");
  return (
    <Stack
      title="Running"
      amount={all.length}
      more={
        <Link to="/p/$projectId/runs" params={{ projectId }}>
          All runs
        </Link>
      }
    >
      {running === undefined && <Waiting rows={2} />}
      <div className="rows">
        {all.map((run) => (
          <div key={run.run_id}>
            <RunRow run={run} cancel={() => setCanceling(run.run_id)} />
            {canceling === run.run_id && run.moves.includes("cancel") && (
              <CancelForm run={run} close={() => setCanceling("")} />
            )}
          </div>
        ))}
      </div>
      {running !== undefined && all.length === 0 && (
        <Empty title="Nothing runs">What you start here or in a terminal shows up live.</Empty>
      )}
    </Stack>
  );
}

function Next({ projectId }: { projectId: string }) {
  const advice = useQuery(adviceQuery(projectId));
  const features = useQuery(featuresQuery(projectId));
  const [asked, setAsked] = useState<Asked | null>(null);
  const withCommand = (advice.data ?? []).filter(({ recommendation }) => recommendation !== null);
  const ask = ({ recommendation, feature_id }: AdviceOut) => {
    if (!recommendation) return;
    setAsked({
      command: recommendation.command,
      connector: recommendation.connector,
      featureId: feature_id,
      ruleId: recommendation.rule_id,
    });
  };
  useKeys({ ...(withCommand[0] ? { r: () => withCommand[0] && ask(withCommand[0]) } : {}) });
  const titleOf = (id: string) => features.data?.find(({ feature_id }) => feature_id === id)?.title ?? id;
  return (
    <Stack
      title="Next"
      amount={withCommand.length}
      more={
        <Link to="/p/$projectId/features" params={{ projectId }}>
          All features
        </Link>
      }
    >
      {advice.isPending && <Waiting rows={3} />}
      {advice.isError && <ProblemNotice error={advice.error} retry={() => void advice.refetch()} />}
      <div className="rows">
        {withCommand.slice(0, MOST).map((each, index) => (
          <div key={each.feature_id} className="row row-next" data-row>
            <span className="two">
              <Link
                to="/p/$projectId/features/$featureId"
                params={{ projectId, featureId: each.feature_id }}
                className="row-link"
              >
                {titleOf(each.feature_id)}
              </Link>
              <small>{each.recommendation?.rule_text}</small>
            </span>
            <CommandLine command={each.recommendation?.command ?? ""} />
            <button
              type="button"
              className={index === 0 ? "button small primary above" : "button small above"}
              onClick={() => ask(each)}
            >
              Review {index === 0 && <kbd>r</kbd>}
            </button>
          </div>
        ))}
      </div>
      {advice.isSuccess && withCommand.length === 0 && (
        <Empty title="No next command">
          {advice.data[0]?.reason ??
            "When a feature's documents name a next step that can run here, it is proposed in this place."}
        </Empty>
      )}
      {asked && <ReviewDialog projectId={projectId} asked={asked} close={() => setAsked(null)} />}
    </Stack>
  );
}

function Welcome() {
  return (
    <div className="page narrow">
      <div className="card card-body stack wide">
        <h1>Add a repository to begin</h1>
        <p className="soft">
          The workbench reads a repository's own planning documents, says what to do next and why, and runs it
          under control. Name a git repository on this machine, or add it from a terminal:
        </p>
        <AddProject />
        <CommandBlock command="workbench project add ." />
      </div>
    </div>
  );
}

export function HomePage() {
  const { projectId, project, isKnown } = useHere();
  const [isAsking, setAsking] = useState(false);
  useKeys({ n: () => projectId && setAsking(true) });
  if (!isKnown)
    return (
      <div className="page">
        <Waiting rows={6} />
      </div>
    );
  if (!project) return <Welcome />;
  return (
    <div className="page">
      <header className="page-head">
        <h1>{project.name}</h1>
        <span className="grow" />
        <button type="button" className="button" onClick={() => setAsking(true)}>
          Start a command…
        </button>
      </header>
      <Needs projectId={projectId} />
      <Running projectId={projectId} />
      <Next projectId={projectId} />
      {isAsking && <ReviewDialog projectId={projectId} close={() => setAsking(false)} />}
    </div>
  );
}
