/* The approvals inbox: riskiest first, each card with everything needed to decide without leaving. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useKeys } from "../../parts/keys";
import { Empty, ProblemNotice, Waiting } from "../../parts/notice";
import { approvalsQuery } from "../../wire/queries";
import { ApprovalCard, press } from "./card";

const STATUSES = ["pending", "approved", "denied", "expired", "withdrawn", "lapsed"];

export function ApprovalsPage() {
  const { projectId = "" } = useParams({ strict: false }) as { projectId?: string };
  const search = useSearch({ strict: false }) as { status?: string };
  const navigate = useNavigate();
  const status = search.status ?? "pending";
  const approvals = useQuery(approvalsQuery(projectId, status));
  const shown = approvals.data ?? [];
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
      {approvals.isPending && <Waiting rows={6} />}
      {approvals.isError && <ProblemNotice error={approvals.error} retry={() => void approvals.refetch()} />}
      {approvals.isSuccess && shown.length === 0 && (
        <div className="card">
          <Empty title={status === "pending" ? "Nothing waits for you" : "None"}>
            {status === "pending"
              ? "A run that policy holds shows up here, with what it would do and why it is held."
              : `No approval is ${status}.`}
          </Empty>
        </div>
      )}
      {shown.map((approval, index) => (
        <ApprovalCard key={approval.approval_id} approval={approval} isFirst={index === 0} />
      ))}
    </div>
  );
}
