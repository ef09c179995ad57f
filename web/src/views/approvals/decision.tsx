/* The decision on one approval: a reason, and two verbs. It decides for exactly the subject that is shown. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type RefObject, useRef, useState } from "react";
import { ProblemNotice } from "../../parts/notice";
import { Status } from "../../parts/status";
import { When } from "../../parts/time";
import { visible } from "../../parts/visible";
import { asProblem } from "../../wire/ask";
import { decide } from "../../wire/requests";
import type { ApprovalOut } from "../../wire/schema";

function Decided({ approval }: { approval: ApprovalOut }) {
  return (
    <>
      {approval.decisions.map((each) => (
        <p key={`${each.actor} ${each.at}`} className="line wraps soft">
          <Status status={each.decision} quiet />
          <span>
            {each.actor} · <When at={each.at} />
          </span>
          {each.reason && <span>“{each.reason}”</span>}
        </p>
      ))}
    </>
  );
}

/** Draws the moves the server allows; `field` lets a page put the focus into the reason; while a change
    is being written (`isEdited`), the button says that it approves what was asked for. `onReplaced` is told
    of the approval that asks anew, where what was shown had changed. */
export function Decision({
  approval,
  field,
  isEdited = false,
  onReplaced,
}: {
  approval: ApprovalOut;
  field?: RefObject<HTMLInputElement | null>;
  isEdited?: boolean;
  onReplaced?: (approvalId: string) => void;
}) {
  const client = useQueryClient();
  const own = useRef<HTMLInputElement>(null);
  const input = field ?? own;
  const [reason, setReason] = useState("");
  const [lacks, setLacks] = useState(false);
  const decision = useMutation({
    mutationFn: (word: "approve" | "deny") =>
      decide(approval.approval_id, word, {
        reason: reason.trim(),
        subject_digest: approval.subject_digest,
      }),
    onError: (error) => {
      // What was shown is asked about anew: the new question says what has changed.
      const next = asProblem(error).approval_id;
      if (next) onReplaced?.(next);
    },
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ["approvals"] });
      void client.invalidateQueries({ queryKey: ["run", approval.run_id] });
      void client.invalidateQueries({ queryKey: ["runs"] });
    },
  });
  const choose = (word: "approve" | "deny") => {
    const isNeeded = word === "deny" || approval.needs_reason;
    if (isNeeded && reason.trim() === "") {
      setLacks(true);
      input.current?.focus();
      return;
    }
    decision.mutate(word);
  };
  const may = (move: string) => approval.moves.includes(move);
  return (
    <div className="stack tight">
      <Decided approval={approval} />
      {approval.notice && (
        <p className="notice" data-tone={approval.is_own_request ? "blocked" : undefined}>
          {visible(approval.notice)}
        </p>
      )}
      {(may("approve") || may("deny")) && (
        <div className="decision">
          <input
            ref={input}
            aria-label="Reason"
            aria-invalid={lacks || undefined}
            placeholder={approval.needs_reason ? "Reason, for the record" : "Reason (a denial needs one)"}
            value={reason}
            maxLength={4000}
            onChange={(event) => {
              setReason(event.target.value);
              setLacks(false);
            }}
            onKeyDown={(event) => {
              if (event.key === "Escape") event.currentTarget.blur();
            }}
          />
          {may("approve") && (
            <button
              type="button"
              className="button primary"
              disabled={decision.isPending}
              onClick={() => choose("approve")}
            >
              {isEdited ? "Approve as asked for" : "Approve"}
            </button>
          )}
          {may("deny") && (
            <button
              type="button"
              className="button danger"
              disabled={decision.isPending}
              onClick={() => choose("deny")}
            >
              Deny
            </button>
          )}
        </div>
      )}
      {lacks && (
        <p className="hint" role="alert">
          This decision needs its reason: it is what the record will say.
        </p>
      )}
      {decision.isError && <ProblemNotice error={decision.error} />}
    </div>
  );
}
