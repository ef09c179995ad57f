/* Which address answers which question, and under which key its answer is kept.
   The first word of each key is the subject the event stream names when it changes. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { address, ask, askWhole } from "./ask";
import type {
  AdviceOut,
  ApprovalOut,
  AuditOut,
  ConnectorOut,
  DiscoveryOut,
  DocumentTextOut,
  FeatureDetailOut,
  FeatureOut,
  FoundLineOut,
  GateOut,
  KillOut,
  MeOut,
  MetricOut,
  PolicyOut,
  PreviewOut,
  ProjectOut,
  RememberedRuleOut,
  RememberPreviewOut,
  RunDetailOut,
  RunOut,
  SecretOut,
  StatusOut,
  SwitchOut,
} from "./schema";

export const meQuery = queryOptions({ queryKey: ["me"], queryFn: () => ask<MeOut>("/api/me") });

export const statusQuery = queryOptions({
  queryKey: ["server"],
  queryFn: () => ask<StatusOut>("/api/status"),
});

export const projectsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: () => ask<ProjectOut[]>("/api/projects"),
});

export const featuresQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["features", projectId],
    queryFn: () => ask<FeatureOut[]>(address("/api/features", { project_id: projectId })),
    enabled: projectId !== "",
  });

export const featureQuery = (projectId: string, featureId: string) =>
  queryOptions({
    queryKey: ["features", projectId, featureId],
    queryFn: () =>
      ask<FeatureDetailOut>(
        address(`/api/features/${encodeURIComponent(featureId)}`, { project_id: projectId }),
      ),
  });

export const discoveryQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["features", projectId, "", "discovery"],
    queryFn: () => ask<DiscoveryOut>(address("/api/discovery", { project_id: projectId })),
    enabled: projectId !== "",
  });

export const documentQuery = (projectId: string, path: string) =>
  queryOptions({
    queryKey: ["features", projectId, "", "document", path],
    queryFn: () => ask<DocumentTextOut>(address("/api/documents", { project_id: projectId, path })),
  });

export const adviceQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["features", projectId, "", "advice"],
    queryFn: () => ask<AdviceOut[]>(address("/api/recommendations", { project_id: projectId })),
    enabled: projectId !== "",
  });

export interface RunFilter {
  status?: string | undefined;
  feature_id?: string | undefined;
  q?: string | undefined;
}

export const runsQuery = (projectId: string, filter: RunFilter = {}, limit = 50) =>
  infiniteQueryOptions({
    queryKey: ["runs", projectId, filter, limit],
    queryFn: ({ pageParam }) =>
      askWhole<RunOut[]>(
        address("/api/runs", { project_id: projectId, ...filter, cursor: pageParam, limit }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.nextCursor || undefined,
    enabled: projectId !== "",
  });

export const foundQuery = (projectId: string, words: string) =>
  infiniteQueryOptions({
    queryKey: ["found", projectId, words],
    queryFn: ({ pageParam }) =>
      askWhole<FoundLineOut[]>(
        address("/api/transcripts/search", { project_id: projectId, q: words, cursor: pageParam, limit: 20 }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.nextCursor || undefined,
  });

export const runQuery = (runId: string) =>
  queryOptions({ queryKey: ["run", runId], queryFn: () => ask<RunDetailOut>(`/api/runs/${runId}`) });

export const approvalsQuery = (projectId: string, status: string) =>
  queryOptions({
    queryKey: ["approvals", projectId, status],
    queryFn: () => ask<ApprovalOut[]>(address("/api/approvals", { project_id: projectId, status })),
    enabled: projectId !== "",
  });

export const approvalQuery = (approvalId: string) =>
  queryOptions({
    queryKey: ["approvals", "one", approvalId],
    queryFn: () => ask<ApprovalOut>(`/api/approvals/${approvalId}`),
  });

/** A preview that was made: it stays as it is. */
export const previewQuery = (artifactId: string) =>
  queryOptions({
    queryKey: ["preview", artifactId],
    queryFn: () => ask<PreviewOut>(`/api/previews/${artifactId}`),
    enabled: artifactId !== "",
  });

export const policyQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["policy", projectId],
    queryFn: () => ask<PolicyOut>(address("/api/policy", { project_id: projectId })),
  });

export const rememberedQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["policy", projectId, "remembered"],
    queryFn: () => ask<RememberedRuleOut[]>(address("/api/policy/remembered", { project_id: projectId })),
  });

/** What would be remembered from a run; it writes nothing, so that it is asked like a question. */
export const proposalQuery = (runId: string) =>
  queryOptions({
    queryKey: ["proposal", runId],
    queryFn: () =>
      ask<RememberPreviewOut>("/api/policy/proposals", { method: "POST", body: { run_id: runId } }),
    retry: false,
  });

export const connectorsQuery = queryOptions({
  queryKey: ["connectors"],
  queryFn: () => ask<ConnectorOut[]>("/api/connectors"),
});

export const switchesQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["switches", projectId],
    queryFn: () => ask<SwitchOut[]>(address("/api/switches", { project_id: projectId })),
  });

export const killQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["kill", projectId],
    queryFn: () => ask<KillOut>(address("/api/kill", { project_id: projectId })),
    refetchInterval: 5_000,
  });

export const secretsQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["secrets", projectId],
    queryFn: () => ask<SecretOut[]>(address("/api/secrets", { project_id: projectId })),
    enabled: projectId !== "",
  });

export const gatesQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["gates", projectId],
    queryFn: () => ask<GateOut[]>(address("/api/gates", { project_id: projectId })),
    enabled: projectId !== "",
  });

export const metricsQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["metrics", projectId],
    queryFn: () => ask<MetricOut[]>(address("/api/metrics", { project_id: projectId })),
    enabled: projectId !== "",
  });

export const auditQuery = (projectId: string) =>
  queryOptions({
    queryKey: ["audit", projectId],
    queryFn: () => ask<AuditOut>(address("/api/audit/verify", { project_id: projectId })),
    enabled: projectId !== "",
    staleTime: 0,
  });
