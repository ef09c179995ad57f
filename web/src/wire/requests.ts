/* The requests that change something, one function each. None of them decides whether it is allowed:
   the server does, and says why not. */
import { address, ask, freshKey } from "./ask";
import type {
  AcceptedOrganisationOut,
  AcceptedPolicyOut,
  ApprovalOut,
  CheckIn,
  DecisionIn,
  EditDecisionIn,
  EditIn,
  EditOut,
  ExplainIn,
  KillIn,
  KillOut,
  OrganisationPreviewOut,
  PolicyPreviewOut,
  PreviewOut,
  ProjectIn,
  ProjectOut,
  RememberPreviewOut,
  ReviewOut,
  RunDetailOut,
  RunIn,
  SecretIn,
  SecretOut,
  SwitchIn,
  SwitchOut,
  TraceOut,
} from "./schema";

/** What would happen to a command if it were asked for now; writes nothing. */
export const review = (check: CheckIn, signal?: AbortSignal) =>
  ask<ReviewOut>("/api/review", { method: "POST", body: check, signal });

/** Asks for a run. The same key never starts it twice. */
export const submitRun = (run: RunIn, key: string = freshKey()) =>
  ask<RunDetailOut>("/api/runs", { method: "POST", body: run, headers: { "idempotency-key": key } });

export const cancelRun = (runId: string, reason: string) =>
  ask<RunDetailOut>(`/api/runs/${runId}/cancel`, { method: "POST", body: { reason } });

export const retryRun = (runId: string, allowHosts: string[] = []) =>
  ask<RunDetailOut>(`/api/runs/${runId}/retry`, {
    method: "POST",
    body: { acknowledge: true, allow_hosts: allowHosts },
  });

/** Lets a run go on that a switch, the kill switch, the boundary or its connector held. */
export const resumeRun = (runId: string, reason: string) =>
  ask<RunDetailOut>(`/api/runs/${runId}/resume`, { method: "POST", body: { reason } });

/** Has a held command tried on a copy of the workspace. */
export const previewRun = (runId: string) =>
  ask<PreviewOut>(`/api/runs/${runId}/preview`, { method: "POST", body: {} });

/** Decides an approval for exactly the subject that was shown. */
export const decide = (approvalId: string, decision: "approve" | "deny", body: DecisionIn) =>
  ask<ApprovalOut>(`/api/approvals/${approvalId}/${decision}`, { method: "POST", body });

/** What the held request would be with this change; writes nothing. */
export const checkEdit = (approvalId: string, body: EditIn) =>
  ask<EditOut>(`/api/approvals/${approvalId}/edit-check`, { method: "POST", body });

/** Approves the request as changed; the answer is the approval that takes its place. */
export const approveEdited = (approvalId: string, body: EditDecisionIn) =>
  ask<ApprovalOut>(`/api/approvals/${approvalId}/approve-edited`, { method: "POST", body });

/** How the verdict on a command comes about; writes nothing. */
export const explainCommand = (body: Pick<ExplainIn, "project_id" | "command" | "cwd">) =>
  ask<TraceOut>("/api/policy/explain", { method: "POST", body });

/** What accepting the project's policy files would change, for its last verdicts too; writes nothing. */
export const previewPolicy = (projectId: string, last: number) =>
  ask<PolicyPreviewOut>("/api/policy/preview", { method: "POST", body: { project_id: projectId, last } });

/** Accepts exactly the files that were shown. */
export const acceptPolicy = (projectId: string, digest: string) =>
  ask<AcceptedPolicyOut>("/api/policy/accept", { method: "POST", body: { project_id: projectId, digest } });

/** What accepting the organisation's policy files would change, in every project; writes nothing. */
export const previewOrganisation = (last: number) =>
  ask<OrganisationPreviewOut>("/api/policy/organisation/preview", { method: "POST", body: { last } });

/** Accepts exactly the organisation's files that were shown. */
export const acceptOrganisation = (digest: string) =>
  ask<AcceptedOrganisationOut>("/api/policy/organisation/accept", { method: "POST", body: { digest } });

/** Records what the proposal from the same run shows. */
export const rememberRule = (runId: string, days: number) =>
  ask<RememberPreviewOut>("/api/policy/remembered", { method: "POST", body: { run_id: runId, days } });

export const forgetRule = (projectId: string, ruleId: string) =>
  ask<unknown>(address(`/api/policy/remembered/${ruleId}`, { project_id: projectId }), { method: "DELETE" });

export const addProject = (project: ProjectIn) =>
  ask<ProjectOut>("/api/projects", { method: "POST", body: project });

export const setSwitch = (change: SwitchIn) =>
  ask<SwitchOut>("/api/switches", { method: "PUT", body: change });

export const setKill = (change: KillIn) => ask<KillOut>("/api/kill", { method: "POST", body: change });

export const setSecret = (secret: SecretIn) =>
  ask<SecretOut>("/api/secrets", { method: "POST", body: secret });

export const removeSecret = (projectId: string, name: string) =>
  ask<unknown>(address("/api/secrets", { project_id: projectId, name }), { method: "DELETE" });
