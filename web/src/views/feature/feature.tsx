/* A feature's page: where it stands, the next command, and everything its documents say. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { FileText } from "lucide-react";
import { Tabs } from "radix-ui";
import { lazy, Suspense } from "react";
import { useKeys } from "../../parts/keys";
import { Empty, Fold, ProblemNotice, Waiting } from "../../parts/notice";
import { Status } from "../../parts/status";
import { count, spoken } from "../../parts/words";
import { useLive } from "../../stream/live";
import { featureQuery, runsQuery } from "../../wire/queries";
import type { FeatureDetailOut } from "../../wire/schema";
import { Progress } from "../features/features";
import { Unread } from "../features/unread";
import { ReviewDialog } from "../review/review";
import { Timeline } from "../run/timeline";
import { RunRow } from "../runs/row";
import { Evidence } from "./evidence";
import { Hero } from "./hero";
import { Tasks } from "./tasks";

const DocumentPanel = lazy(() => import("./document"));
const route = getRouteApi("/p/$projectId/features/$featureId");

function Runs({ projectId, featureId }: { projectId: string; featureId: string }) {
  const runs = useInfiniteQuery(runsQuery(projectId, { feature_id: featureId }));
  const rows = runs.data?.pages.flatMap(({ body }) => body) ?? [];
  if (runs.isPending) return <Waiting />;
  if (runs.isError) return <ProblemNotice error={runs.error} retry={() => void runs.refetch()} />;
  if (rows.length === 0)
    return <Empty title="Nothing ran for this feature yet">Review its next command above.</Empty>;
  return (
    <div className="card rows">
      {rows.map((run) => (
        <RunRow key={run.run_id} run={run} />
      ))}
      {runs.hasNextPage && (
        <button type="button" className="button" onClick={() => void runs.fetchNextPage()}>
          Older runs
        </button>
      )}
    </div>
  );
}

function Activity({ projectId, featureId }: { projectId: string; featureId: string }) {
  const runs = useInfiniteQuery(runsQuery(projectId, { feature_id: featureId }));
  const ids = new Set(runs.data?.pages.flatMap(({ body }) => body.map(({ run_id }) => run_id)));
  const events = useLive().recent.filter(({ run_id }) => run_id !== null && ids.has(run_id));
  if (events.length === 0)
    return <Empty title="Quiet">Events of this feature's runs show up here as they happen.</Empty>;
  return <Timeline events={[...events].reverse()} />;
}

function Documents({
  feature,
  open,
}: {
  feature: FeatureDetailOut;
  open: (path: string, line: number) => void;
}) {
  return (
    <ul className="card rows">
      {feature.documents.map(({ path, role, title }) => (
        <li key={path} className="row row-document" data-row>
          <FileText aria-hidden className="quiet" />
          <span className="two">
            <button type="button" className="row-link plain-button" onClick={() => open(path, 1)}>
              {title || path.split("/").at(-1)}
            </button>
            <small className="mono">{path}</small>
          </span>
          <span className="pill">{role}</span>
        </li>
      ))}
    </ul>
  );
}

function asked(feature: FeatureDetailOut, which: string) {
  const next = feature.advice.recommendation;
  const featureId = feature.feature_id;
  if (!next) return null;
  if (which === "next")
    return { command: next.command, connector: next.connector, featureId, ruleId: next.rule_id };
  const other = next.alternatives[Number(which)];
  return other ? { command: other.command, connector: other.connector, featureId } : null;
}

export function FeaturePage() {
  const { projectId, featureId } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery(featureQuery(projectId, featureId));
  const runs = useInfiniteQuery(runsQuery(projectId, { feature_id: featureId }));
  const open = (doc: string, line: number) => void navigate({ search: { ...search, doc, line } });
  const closeDocument = () => void navigate({ search: { ...search, doc: undefined, line: undefined } });
  const choose = (review: string | undefined) => void navigate({ search: { ...search, review } });
  useKeys({
    ...(search.doc ? { Escape: closeDocument } : {}),
    ...(query.data?.advice.recommendation ? { r: () => choose("next") } : {}),
  });

  if (query.isPending)
    return (
      <div className="page">
        <Waiting rows={9} />
      </div>
    );
  if (query.isError)
    return (
      <div className="page">
        <ProblemNotice error={query.error} retry={() => void query.refetch()} />
      </div>
    );
  const feature = query.data;
  const ran = runs.data?.pages.reduce((sum, { body }) => sum + body.length, 0) ?? 0;
  const reviewed = search.review ? asked(feature, search.review) : null;
  const drifts = feature.drift.length > 0;
  return (
    <div className="with-panel" data-open={search.doc ? true : undefined}>
      <div className="page">
        <header className="page-head">
          <div className="stack tight grow">
            <h1>{feature.title}</h1>
            <div className="line wraps">
              <Status status={feature.inferred_status} />
              <span className="quiet">
                {!feature.declared_status
                  ? "its documents declare no status"
                  : drifts
                    ? `the documents say ${spoken(feature.declared_status)}`
                    : `as declared: ${spoken(feature.declared_status)}`}
              </span>
              {drifts && (
                <span className="pill" data-tone="blocked">
                  drift
                </span>
              )}
              <span className="quiet">
                {feature.feature_id} · {feature.format}
                {feature.depends_on.length > 0 && ` · after ${feature.depends_on.join(", ")}`}
              </span>
            </div>
          </div>
          <div className="head-progress">
            <Progress tasks={feature.tasks} />
          </div>
        </header>
        <Hero projectId={projectId} advice={feature.advice} open={open} choose={choose} />
        {feature.diagnostics.length > 0 && (
          <section className="notice" data-tone="blocked" aria-label="Not read in full">
            <strong>{count(feature.diagnostics.length, "problem")} in its documents</strong>
            <Unread diagnostics={feature.diagnostics} open={open} />
          </section>
        )}
        {drifts && (
          <Fold title={`Why the declared status is doubted (${count(feature.drift.length, "reason")})`}>
            <Evidence evidence={feature.drift} open={open} />
          </Fold>
        )}
        <Tabs.Root
          value={search.tab ?? "tasks"}
          onValueChange={(tab) => void navigate({ search: { ...search, tab }, replace: true })}
          className="stack"
        >
          <Tabs.List className="tabs" aria-label="About this feature">
            <Tabs.Trigger value="tasks">
              Tasks <span className="count">{feature.tasks.total}</span>
            </Tabs.Trigger>
            <Tabs.Trigger value="documents">
              Documents <span className="count">{feature.documents.length}</span>
            </Tabs.Trigger>
            <Tabs.Trigger value="runs">
              Runs{" "}
              <span className="count">
                {ran}
                {runs.hasNextPage && "+"}
              </span>
            </Tabs.Trigger>
            <Tabs.Trigger value="activity">Activity</Tabs.Trigger>
          </Tabs.List>
          <Tabs.Content value="tasks">
            <Tasks feature={feature} open={open} />
          </Tabs.Content>
          <Tabs.Content value="documents">
            <Documents feature={feature} open={open} />
          </Tabs.Content>
          <Tabs.Content value="runs">
            <Runs projectId={projectId} featureId={featureId} />
          </Tabs.Content>
          <Tabs.Content value="activity">
            <Activity projectId={projectId} featureId={featureId} />
          </Tabs.Content>
        </Tabs.Root>
      </div>
      {search.doc && (
        <Suspense fallback={<aside className="panel" aria-label="Document" />}>
          <DocumentPanel
            projectId={projectId}
            path={search.doc}
            line={search.line ?? 0}
            close={closeDocument}
          />
        </Suspense>
      )}
      {reviewed && <ReviewDialog projectId={projectId} asked={reviewed} close={() => choose(undefined)} />}
    </div>
  );
}
