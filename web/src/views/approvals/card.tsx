/* One approval as a card: the request, what it would do, who asks, until when, why it is asked, and the
   decision. It shows what the server says and adds nothing. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { CommandBlock, Id } from "../../parts/command";
import { Fold } from "../../parts/notice";
import { Risk, Status } from "../../parts/status";
import { useNow, When } from "../../parts/time";
import { relative } from "../../parts/words";
import { approvalsQuery } from "../../wire/queries";
import type { ApprovalOut } from "../../wire/schema";
import { CommandFacts, Rules } from "../review/facts";
import { Changed, Changes } from "./changes";
import { Deciders } from "./deciders";
import { Decision } from "./decision";
import { EditBox } from "./edit";
import { Preview } from "./preview";
import { RememberFold } from "./remember";

function Expiry({ at }: { at: string }) {
  const now = useNow();
  const isOver = Date.parse(at) <= now;
  return (
    <span className="quiet" title={at}>
      {isOver ? "expired" : "expires"} {relative(at, now)}
    </span>
  );
}

/** The program that the request starts with, without its folder. */
const nameOf = (approval: ApprovalOut): string | undefined => approval.commands[0]?.program.split("/").at(-1);

/** What was last approved of the same program, so that a small difference is seen at once. */
function LastAlike({ approval }: { approval: ApprovalOut }) {
  const approved = useQuery(approvalsQuery(approval.project_id, "approved"));
  const program = nameOf(approval);
  const last = (approved.data ?? [])
    .filter((each) => nameOf(each) === program && each.approval_id !== approval.approval_id)
    .sort((one, other) => other.created_at.localeCompare(one.created_at))[0];
  if (!program || !last) return null;
  const isSame = last.command === approval.command && last.cwd === approval.cwd;
  return (
    <div className="stack tight">
      <p className="quiet">
        {isSame ? "The same was last approved" : `The last ${program} that was approved,`} by{" "}
        {last.decisions.at(-1)?.actor} <When at={last.decisions.at(-1)?.at ?? last.created_at} />
        {isSame ? "." : ":"}
      </p>
      {!isSame && (
        <Changes
          changes={[
            { field: "command", before: last.command_visible, after: approval.command_visible },
            { field: "working directory", before: last.cwd, after: approval.cwd },
          ].filter(({ before, after }) => before !== after)}
        />
      )}
    </div>
  );
}

export function ApprovalCard({
  approval,
  isAlone = false,
  isFirst = false,
  onReplaced,
}: {
  approval: ApprovalOut;
  isAlone?: boolean;
  isFirst?: boolean;
  onReplaced?: (approvalId: string) => void;
}) {
  const field = useRef<HTMLInputElement>(null);
  const [isEdited, setEdited] = useState(false);
  const isPending = approval.status === "pending";
  return (
    <article
      className="card approval"
      aria-label={`Approval for ${approval.command_visible}`}
      data-row
      data-alone={isAlone || undefined}
      data-first={isFirst || undefined}
    >
      <div className="card-body stack">
        <div className="line wraps">
          {isPending ? <Risk level={approval.risk_level} /> : <Status status={approval.status} />}
          <span className="soft">{approval.requested_by} asks to run</span>
          <span className="grow" />
          {isPending && <Expiry at={approval.expires_at} />}
        </div>
        <CommandBlock command={approval.command_visible} large />
        <Changed approval={approval} />
        <CommandFacts commands={approval.commands} within={approval.cwd} />
        <Rules rules={approval.matched_rules} codes={[]} />
        <p className="quiet run-facts">
          <span className="mono">{approval.cwd || "."}</span>
          <span>on {approval.connector}</span>
          <span>environment {approval.env_profile}</span>
          <span>network: {approval.network}</span>
          {approval.timeout_seconds !== null && <span>at most {approval.timeout_seconds} s</span>}
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
          {!isAlone && (
            <Link to="/approvals/$approvalId" params={{ approvalId: approval.approval_id }}>
              on a page of its own
            </Link>
          )}
          <span>
            asked <When at={approval.created_at} />
          </span>
          {approval.quorum > 1 && !isPending && (
            <span>
              {approval.approvals_given} of {approval.quorum} people have approved
            </span>
          )}
        </p>
        <Deciders approval={approval} />
        <Preview approval={approval} isWhole={isAlone} />
        {isAlone && isPending && <LastAlike approval={approval} />}
        {approval.moves.includes("edit") && (
          <Fold title="Change it, and approve the change">
            <EditBox approval={approval} onEdited={setEdited} {...(onReplaced ? { onReplaced } : {})} />
          </Fold>
        )}
        {approval.may_propose && <RememberFold runId={approval.run_id} />}
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
            {approval.start_by && (
              <>
                <dt>Starts by</dt>
                <dd>{approval.is_used ? "started" : <When at={approval.start_by} />}</dd>
              </>
            )}
          </dl>
        </Fold>
      </div>
      <div className="approval-foot">
        <Decision
          approval={approval}
          field={field}
          isEdited={isEdited}
          {...(onReplaced ? { onReplaced } : {})}
        />
      </div>
    </article>
  );
}

/** Presses a button of the card that has the focus, or of the first. */
export function press(name: string): void {
  const cards = [...document.querySelectorAll<HTMLElement>("article.approval")];
  const card = cards.find((each) => each.contains(document.activeElement)) ?? cards[0];
  const button = [...(card?.querySelectorAll("button") ?? [])].find((each) => each.textContent === name);
  button?.click();
}
