/* The list of features: what the repository's documents say, where that drifts, how far it is. */
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { Empty, Fold, ProblemNotice, Waiting } from "../../parts/notice";
import { Status } from "../../parts/status";
import { visible } from "../../parts/visible";
import { capital, count, spoken } from "../../parts/words";
import { discoveryQuery, featuresQuery } from "../../wire/queries";
import type { FeatureOut, TaskCountOut } from "../../wire/schema";
import { matches } from "../frame/palette";
import { ReviewDialog } from "../review/review";
import { lookedFor } from "./looked";
import { Unread } from "./unread";

const route = getRouteApi("/p/$projectId/features");

/** Tasks done, blocked and open as one bar with its numbers. */
export function Progress({ tasks }: { tasks: TaskCountOut }) {
  if (tasks.total === 0) return <span className="quiet">no tasks</span>;
  const part = (amount: number) => ({ width: `${(100 * amount) / tasks.total}%` });
  return (
    <span
      className="progress-line"
      title={`${tasks.done} done, ${tasks.open} open, ${tasks.blocked} blocked`}
    >
      <span className="progress" aria-hidden="true">
        <span data-part="done" style={part(tasks.done)} />
        <span data-part="blocked" style={part(tasks.blocked)} />
      </span>
      <span className="number quiet">
        {tasks.done}/{tasks.total}
        <span className="unseen"> tasks done</span>
      </span>
    </span>
  );
}

function FeatureRow({ feature, projectId }: { feature: FeatureOut; projectId: string }) {
  return (
    <div className="row row-feature" data-row>
      <span className="two">
        <Link
          to="/p/$projectId/features/$featureId"
          params={{ projectId, featureId: feature.feature_id }}
          className="row-link"
        >
          {feature.title}
        </Link>
        <small>
          {feature.slug} · {feature.format}
          {feature.phases.length > 0 && ` · ${count(feature.phases.length, "phase")}`}
        </small>
      </span>
      <Status status={feature.inferred_status} quiet />
      <span className="wide-only">
        {feature.drift.length > 0 && (
          <span className="pill" data-tone="blocked" title={feature.drift.map(({ fact }) => fact).join("\n")}>
            {feature.declared_status ? `says ${spoken(feature.declared_status)}` : "drift"}
          </span>
        )}
      </span>
      <span className="wide-only">
        <Progress tasks={feature.tasks} />
      </span>
    </div>
  );
}

/** No feature: what was looked for and where, and what to do about it. */
function Nothing({ projectId, reason, repo }: { projectId: string; reason: string; repo: string }) {
  const [isAsking, setAsking] = useState(false);
  const { found, places } = lookedFor(reason);
  return (
    <section className="card" aria-label="No features">
      <Empty title="No features here yet">
        <div className="stack">
          <p>
            {capital(found || "no planning documents were found")} in <code>{visible(repo)}</code>.
            {places.length > 0 && " Looked for:"}
          </p>
          {places.length > 0 && (
            <ul className="looked">
              {places.map((place) => (
                <li key={place}>{place}</li>
              ))}
            </ul>
          )}
          <p>
            Write one of them there and reload this page. If the documents are in another repository, add it
            in <Link to="/settings">Settings</Link>. A command needs no feature:
          </p>
          <button type="button" className="button own-width" onClick={() => setAsking(true)}>
            Start a command…
          </button>
        </div>
      </Empty>
      {isAsking && <ReviewDialog projectId={projectId} close={() => setAsking(false)} />}
    </section>
  );
}

/** Why there is nothing, or what could not be read. */
function Discovery({ projectId, isEmpty }: { projectId: string; isEmpty: boolean }) {
  const discovery = useQuery(discoveryQuery(projectId));
  if (!discovery.data) return null;
  const { diagnostics, reason, repo } = discovery.data;
  return (
    <>
      {isEmpty && <Nothing projectId={projectId} reason={reason} repo={repo} />}
      {diagnostics.length > 0 && (
        <Fold title={`${count(diagnostics.length, "document")} could not be read in full`}>
          <Unread diagnostics={diagnostics} />
        </Fold>
      )}
    </>
  );
}

export function FeaturesPage() {
  const { projectId } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const features = useQuery(featuresQuery(projectId));
  const all = features.data ?? [];
  const question = (search.q ?? "").trim();
  const shown = all.filter(
    (feature) =>
      matches(`${feature.title} ${feature.feature_id} ${feature.slug} ${feature.format}`, question) &&
      (!search.status || feature.inferred_status === search.status),
  );
  const statuses = [...new Set(all.map(({ inferred_status }) => inferred_status))];
  return (
    <div className="page">
      <header className="page-head">
        <h1>Features</h1>
        {features.isSuccess && <span className="count">{all.length}</span>}
      </header>
      {all.length > 0 && (
        <div className="filters">
          <input
            type="search"
            aria-label="Search features"
            placeholder="Title, id, layout"
            value={search.q ?? ""}
            onChange={(event) =>
              void navigate({ search: { ...search, q: event.target.value || undefined }, replace: true })
            }
          />
          {statuses.length > 1 && (
            <fieldset className="segments scrolls">
              <legend className="unseen">Status</legend>
              {["", ...statuses].map((status) => (
                <button
                  type="button"
                  key={status}
                  aria-pressed={(search.status ?? "") === status}
                  onClick={() =>
                    void navigate({ search: { ...search, status: status || undefined }, replace: true })
                  }
                >
                  {status ? spoken(status) : "all"}
                </button>
              ))}
            </fieldset>
          )}
        </div>
      )}
      {!(features.isSuccess && all.length === 0) && (
        <div className="card">
          {features.isPending && <Waiting rows={8} />}
          {features.isError && <ProblemNotice error={features.error} retry={() => void features.refetch()} />}
          {shown.length > 0 && (
            <div className="row row-feature row-head" aria-hidden="true">
              <span>Feature</span>
              <span>Status, by evidence</span>
              <span>Drift</span>
              <span>Tasks</span>
            </div>
          )}
          <div className="rows">
            {shown.map((feature) => (
              <FeatureRow key={feature.feature_id} feature={feature} projectId={projectId} />
            ))}
          </div>
          {all.length > 0 && shown.length === 0 && (
            <Empty title="No feature matches">Search for another word, or show all.</Empty>
          )}
        </div>
      )}
      {features.isSuccess && <Discovery projectId={projectId} isEmpty={all.length === 0} />}
    </div>
  );
}
