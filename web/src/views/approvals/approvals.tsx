/* The approvals inbox: riskiest first, each card with everything needed to decide without leaving. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useRef } from "react";
import { CommandBlock, Id } from "../../parts/command";
import { useKeys } from "../../parts/keys";
import { Empty, Fold, ProblemNotice, Waiting } from "../../parts/notice";
import { Risk, Status } from "../../parts/status";
import { useNow, When } from "../../parts/time";
import { relative } from "../../parts/words";
import { approvalsQuery } from "../../wire/queries";
import type { ApprovalOut } from "../../wire/schema";
import { CommandFacts, Rules } from "../review/facts";
import { Decision } from "./decision";
import { Preview } from "./preview";

const STATUSES = ["pending", "approved", "denied", "expired", "withdrawn"];

function Expiry({ at }: { at: string }) {
  const now = useNow();
  const isOver = Date.parse(at) <= now;
  return (
    <span className="quiet" title={at}>
      {isOver ? "expired" : "expires"} {relative(at, now)}
    </span>
  );
}

function Card({ approval, isFirst }: { approval: ApprovalOut; isFirst: boolean }) {
  const field = useRef<HTMLInputElement>(null);
  const card = useRef<HTMLElement>(null);
  return (
    <article
      className="card approval"
      aria-label={`Approval for ${approval.command_visible}`}
      data-row
      data-first={isFirst || undefined}
      ref={card}
    >
      <div className="card-body stack">
        <div className="line wraps">
          {approval.status === "pending" ? (
            <Risk level={approval.risk_level} />
          ) : (
            <Status status={approval.status} />
          )}
          <span className="soft">{approval.requested_by} asks to run</span>
          <span className="grow" />
          {approval.status === "pending" && <Expiry at={approval.expires_at} />}
        </div>
        <CommandBlock command={approval.command_visible} large />
        <CommandFacts commands={approval.commands} />
        <Rules rules={approval.matched_rules} codes={[]} />
        <p className="quiet run-facts">
          <span className="mono">{approval.cwd || "."}</span>
          <span>on {approval.connector}</span>
          <span>environment {approval.env_profile}</span>
          <span>network: {approval.network}</span>
          {approval.feature_id && (
            <Link
              to="/p/$projectId/features/$featureId"
              params={{ projectId: approval.project_id, featureId: approval.feature_id }}
            >
              {approval.feature_id}
            </Link>
          )}
          <Link
            to="/p/$projectId/runs/$runId"
            params={{ projectId: approval.project_id, runId: approval.run_id }}
          >
            the held run
          </Link>
          <span>
            asked <When at={approval.created_at} />
          </span>
          {approval.quorum > 1 && <span>needs {approval.quorum} people</span>}
        </p>
        <Preview approval={approval} />
        <Fold title="What the approval is bound to">
          <dl className="facts">
            <dt>Subject</dt>
            <dd className="mono">{approval.subject_digest}</dd>
            <dt>Approval</dt>
            <dd>
              <Id id={approval.approval_id} />
            </dd>
            <dt>Reasons</dt>
            <dd className="mono">{approval.reason_codes.join(", ")}</dd>
          </dl>
        </Fold>
      </div>
      <div className="approval-foot">
        <Decision approval={approval} field={field} />
      </div>
    </article>
  );
}

/** Presses a button of the card that has the focus, or of the first. */
function press(name: string): void {
  const cards = [...document.querySelectorAll<HTMLElement>("article.approval")];
  const card = cards.find((each) => each.contains(document.activeElement)) ?? cards[0];
  const button = [...(card?.querySelectorAll("button") ?? [])].find((each) => each.textContent === name);
  button?.click();
}

export function ApprovalsPage() {
  const { projectId = "", approvalId } = useParams({ strict: false }) as {
    projectId?: string;
    approvalId?: string;
  };
  const search = useSearch({ strict: false }) as { status?: string };
  const navigate = useNavigate();
  const status = approvalId ? "" : (search.status ?? "pending");
  const approvals = useQuery(approvalsQuery(projectId, status));
  const shown = (approvals.data ?? []).filter(({ approval_id }) => !approvalId || approval_id === approvalId);
  useKeys({ a: () => press("Approve"), d: () => press("Deny") });
  return (
    <div className="page narrow">
      <header className="page-head">
        <h1>Approvals</h1>
        {approvals.isSuccess && <span className="count">{shown.length}</span>}
        <span className="grow" />
        <span className="quiet keys-hint">
          <kbd>a</kbd> approve <kbd>d</kbd> deny <kbd>j</kbd> <kbd>k</kbd> move
        </span>
      </header>
      {approvalId ? (
        <Link to="/p/$projectId/approvals" params={{ projectId }}>
          All approvals
        </Link>
      ) : (
        <div className="filters">
          <fieldset className="segments scrolls">
            <legend className="unseen">Status</legend>
            {STATUSES.map((each) => (
              <button
                type="button"
                key={each}
                aria-pressed={status === each}
                onClick={() =>
                  void navigate({
                    to: "/p/$projectId/approvals",
                    params: { projectId },
                    search: { status: each === "pending" ? undefined : each },
                    replace: true,
                  })
                }
              >
                {each}
              </button>
            ))}
          </fieldset>
        </div>
      )}
      {approvals.isPending && <Waiting rows={6} />}
      {approvals.isError && <ProblemNotice error={approvals.error} retry={() => void approvals.refetch()} />}
      {approvals.isSuccess && shown.length === 0 && (
        <div className="card">
          <Empty title={status === "pending" ? "Nothing waits for you" : "None"}>
            {status === "pending"
              ? "A run that policy holds shows up here, with what it would do and why it is held."
              : approvalId
                ? "There is no approval with this id in this project."
                : `No approval is ${status}.`}
          </Empty>
        </div>
      )}
      {shown.map((approval, index) => (
        <Card key={approval.approval_id} approval={approval} isFirst={index === 0} />
      ))}
    </div>
  );
}
