/* One decision on a page of its own, where notices lead: made for a phone, where the card fills the screen. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { useKeys } from "../../parts/keys";
import { ProblemNotice, Waiting } from "../../parts/notice";
import { approvalQuery } from "../../wire/queries";
import { ApprovalCard, press } from "./card";

export function DecisionPage() {
  const { approvalId = "", projectId } = useParams({ strict: false }) as {
    approvalId?: string;
    projectId?: string;
  };
  const navigate = useNavigate();
  const approval = useQuery(approvalQuery(approvalId));
  const found = approval.data;
  useKeys(found ? { a: () => press("Approve"), d: () => press("Deny") } : {});
  useEffect(() => {
    // A notice names the approval alone; the frame and its stream are the project's.
    if (!found || projectId) return;
    const params = { projectId: found.project_id, approvalId: found.approval_id };
    void navigate({ to: "/p/$projectId/approvals/$approvalId", params, replace: true });
  }, [found, projectId, navigate]);
  return (
    <div className="page narrow decision-page">
      <header className="page-head">
        <h1>Decision</h1>
        <span className="grow" />
        {found && found.moves.length > 0 && (
          <span className="quiet keys-hint">
            <kbd>a</kbd> approve <kbd>d</kbd> deny
          </span>
        )}
        {found && (
          <Link to="/p/$projectId/approvals" params={{ projectId: found.project_id }}>
            All approvals
          </Link>
        )}
      </header>
      {approval.isPending && <Waiting rows={6} />}
      {approval.isError && <ProblemNotice error={approval.error} retry={() => void approval.refetch()} />}
      {found && (
        <ApprovalCard
          key={found.approval_id}
          approval={found}
          isAlone
          onReplaced={(next) =>
            void navigate({
              to: "/p/$projectId/approvals/$approvalId",
              params: { projectId: found.project_id, approvalId: next },
              replace: true,
            })
          }
        />
      )}
    </div>
  );
}
