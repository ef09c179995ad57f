/* "Allow commands like this": the rule that would be remembered and the runs it would have covered, shown
   before anything is recorded. What is recorded is proposed anew by the server from the same run. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { CommandLine } from "../../parts/command";
import { Fold, ProblemNotice, Waiting } from "../../parts/notice";
import { When } from "../../parts/time";
import { count } from "../../parts/words";
import { proposalQuery } from "../../wire/queries";
import { rememberRule } from "../../wire/requests";
import type { RememberPreviewOut } from "../../wire/schema";
import { Form } from "../policy/remembered";

function Proposal({ found }: { found: RememberPreviewOut }) {
  return (
    <>
      <ul className="stack tight" aria-label="What would be remembered">
        {found.rules.map((rule) => (
          <li key={rule.rule_id} className="facts-card">
            <Form rule={rule} />
          </li>
        ))}
      </ul>
      <p className="soft">
        Of the last {count(found.looked_at, "run")} it would have covered {found.covered.length}
        {found.covered.length > 0 ? ":" : "."}
      </p>
      <ul className="covered">
        {found.covered.map((run) => (
          <li key={run.run_id}>
            <CommandLine command={run.command} />
          </li>
        ))}
      </ul>
      <Fold title="The rule as Cedar">
        <pre className="mono preview-lines">{found.rules.map(({ cedar }) => cedar).join("\n")}</pre>
      </Fold>
    </>
  );
}

function Remember({ runId }: { runId: string }) {
  const client = useQueryClient();
  const [days, setDays] = useState("30");
  const proposal = useQuery(proposalQuery(runId));
  const record = useMutation({
    mutationFn: () => rememberRule(runId, Number(days)),
    onSuccess: () => client.invalidateQueries({ queryKey: ["policy"] }),
  });
  if (proposal.isPending) return <Waiting rows={3} />;
  if (proposal.isError) return <ProblemNotice error={proposal.error} />;
  const found = proposal.data;
  const isSane = Number(days) >= 1 && Number(days) <= 365;
  return (
    <div className="stack tight">
      <Proposal found={found} />
      {found.notice && <p className="quiet">{found.notice}</p>}
      {found.moves.includes("remember") && !record.isSuccess && (
        <form
          className="line wraps"
          onSubmit={(event) => {
            event.preventDefault();
            record.mutate();
          }}
        >
          <label className="line">
            for
            <input
              aria-label="Days until it expires"
              inputMode="numeric"
              size={4}
              maxLength={3}
              value={days}
              onChange={(event) => setDays(event.target.value.replace(/\D/g, ""))}
            />
            days
          </label>
          <button type="submit" className="button" disabled={!isSane || record.isPending}>
            Allow commands like this
          </button>
          {!isSane && <span className="quiet">1 to 365 days</span>}
        </form>
      )}
      {record.isError && <ProblemNotice error={record.error} />}
      {record.isSuccess && record.data.rules[0] && (
        <p className="notice" data-tone="succeeded" role="status">
          Remembered until <When at={record.data.rules[0].expires_at} />. This run itself still waits for its
          decision.
        </p>
      )}
    </div>
  );
}

/** Folded, and asked for only when it is opened: the server judges 200 runs for it. */
export function RememberFold({ runId }: { runId: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Allow commands like this</summary>
      <div>{isOpen && <Remember runId={runId} />}</div>
    </details>
  );
}
