/* Changing what is held while approving it: the server judges the change first, and shows what it comes to.
   Only what was shown can then be approved. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ProblemNotice } from "../../parts/notice";
import { Risk, Status } from "../../parts/status";
import { approveEdited, checkEdit } from "../../wire/requests";
import type { ApprovalOut, EditIn } from "../../wire/schema";
import { CommandFacts, Rules } from "../review/facts";
import { Changes } from "./changes";

const listed = (names: string): string[] => names.split(/[\s,]+/).filter(Boolean);

export function EditBox({
  approval,
  onEdited,
  onReplaced,
}: {
  approval: ApprovalOut;
  onEdited: (isEdited: boolean) => void;
  onReplaced?: (approvalId: string) => void;
}) {
  const client = useQueryClient();
  const [command, setCommand] = useState(approval.command);
  const [cwd, setCwd] = useState(approval.cwd);
  const [limit, setLimit] = useState(String(approval.timeout_seconds ?? ""));
  const [names, setNames] = useState(approval.allow_hosts.join(" "));
  const [reason, setReason] = useState("");
  const wanted: EditIn = {
    command: command === approval.command ? null : command,
    cwd: cwd === approval.cwd ? null : cwd,
    timeout_seconds: limit === "" || Number(limit) === approval.timeout_seconds ? null : Number(limit),
    allow_hosts: listed(names).join(" ") === approval.allow_hosts.join(" ") ? null : listed(names),
  };
  const seen = useMutation({ mutationFn: () => checkEdit(approval.approval_id, wanted) });
  const approve = useMutation({
    mutationFn: (shown: string) =>
      approveEdited(approval.approval_id, {
        ...wanted,
        reason: reason.trim(),
        subject_digest: approval.subject_digest,
        edited_digest: shown,
      }),
    onSuccess: (after) => onReplaced?.(after.approval_id),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ["approvals"] });
      void client.invalidateQueries({ queryKey: ["run", approval.run_id] });
      void client.invalidateQueries({ queryKey: ["runs"] });
    },
  });
  const isEdited = Object.values(wanted).some((value) => value !== null);
  useEffect(() => onEdited(isEdited), [isEdited, onEdited]);
  /** What was shown is no longer what stands in the fields. */
  const touch = <Value,>(set: (value: Value) => void) => {
    return (value: Value) => {
      seen.reset();
      set(value);
    };
  };
  const answer = seen.data;
  return (
    <div className="stack edit-box">
      <label>
        Command
        <textarea
          value={command}
          rows={Math.min(8, command.split("\n").length + 1)}
          spellCheck={false}
          onChange={(event) => touch(setCommand)(event.target.value)}
        />
      </label>
      <div className="line wraps">
        <label className="grow">
          Working directory
          <input value={cwd} onChange={(event) => touch(setCwd)(event.target.value)} />
        </label>
        <label>
          Time limit, seconds
          <input
            inputMode="numeric"
            value={limit}
            onChange={(event) => touch(setLimit)(event.target.value.replace(/\D/g, ""))}
          />
        </label>
      </div>
      <label>
        Network names for this run alone
        <input
          value={names}
          placeholder="none beyond the project's; example.org"
          spellCheck={false}
          autoCapitalize="none"
          onChange={(event) => touch(setNames)(event.target.value)}
        />
      </label>
      <div className="line">
        <button
          type="button"
          className="button"
          disabled={seen.isPending || !isEdited}
          onClick={() => seen.mutate()}
        >
          Show what it comes to
        </button>
      </div>
      {seen.isError && <ProblemNotice error={seen.error} />}
      {answer && (
        <section className="stack tight" aria-label="What the change comes to">
          <Changes changes={answer.changes} />
          <div className="line wraps">
            <Status status={answer.verdict} />
            <Risk level={answer.risk_level} />
            {answer.risk_level !== answer.risk_before && (
              <span className="soft">it was {answer.risk_before}</span>
            )}
          </div>
          <CommandFacts commands={answer.commands} within={answer.cwd} />
          <Rules rules={answer.matched_rules} codes={[]} />
          {answer.refusal ? (
            <p className="notice" data-tone="failed">
              This cannot be approved: {answer.refusal}
            </p>
          ) : (
            <div className="decision">
              <input
                aria-label="Reason for the change"
                placeholder="Why it is changed, for the record"
                value={reason}
                maxLength={4000}
                onChange={(event) => setReason(event.target.value)}
              />
              <button
                type="button"
                className="button primary"
                disabled={approve.isPending || reason.trim() === ""}
                onClick={() => approve.mutate(answer.subject_digest)}
              >
                Approve the change
              </button>
            </div>
          )}
          {approve.isError && <ProblemNotice error={approve.error} />}
        </section>
      )}
    </div>
  );
}
