/* The history of runs, filtered; rows are virtual, so that ten thousand scroll as ten do. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { Empty, ProblemNotice, Waiting } from "../../parts/notice";
import { featuresQuery, runsQuery } from "../../wire/queries";
import { ReviewDialog } from "../review/review";
import { Found } from "./found";
import { RunHead, RunRow } from "./row";

const route = getRouteApi("/p/$projectId/runs");
const STATUSES = ["", "running", "queued", "blocked", "succeeded", "failed", "canceled"];
const ROW_PIXELS = 48;
const SETTLE_MS = 250;

export function RunsPage() {
  const { projectId } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [words, setWords] = useState(search.q ?? "");
  const [isAsking, setAsking] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  const runs = useInfiniteQuery(runsQuery(projectId, search));
  const features = useQuery(featuresQuery(projectId));
  const rows = runs.data?.pages.flatMap(({ body }) => body) ?? [];
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = runs;

  useEffect(() => {
    const timer = setTimeout(() => {
      if (words !== (search.q ?? ""))
        void navigate({ search: { ...search, q: words || undefined }, replace: true });
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [words, search, navigate]);

  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => list.current?.closest("main") ?? null,
    estimateSize: () => ROW_PIXELS,
    scrollMargin: list.current?.offsetTop ?? 0,
    overscan: 12,
    getItemKey: (index) => rows[index]?.run_id ?? index,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= rows.length - 5 && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, fetchNextPage]);

  const titles = new Map((features.data ?? []).map(({ feature_id, title }) => [feature_id, title]));
  // A run outlives its feature's documents: the address may name one that is gone.
  if (search.feature_id && !titles.has(search.feature_id)) titles.set(search.feature_id, search.feature_id);
  const isFiltered = Boolean(search.q || search.status || search.feature_id);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Runs</h1>
        <span className="grow" />
        <button type="button" className="button" onClick={() => setAsking(true)}>
          Start a command…
        </button>
      </header>
      <div className="filters">
        <input
          type="search"
          aria-label="Search runs"
          placeholder="Words of the command or of its output"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
        <fieldset className="segments scrolls">
          <legend className="unseen">Status</legend>
          {STATUSES.map((status) => (
            <button
              type="button"
              key={status}
              aria-pressed={(search.status ?? "") === status}
              onClick={() =>
                void navigate({ search: { ...search, status: status || undefined }, replace: true })
              }
            >
              {status || "all"}
            </button>
          ))}
        </fieldset>
        {titles.size > 0 && (
          <select
            aria-label="Feature"
            value={search.feature_id ?? ""}
            onChange={(event) =>
              void navigate({
                search: { ...search, feature_id: event.target.value || undefined },
                replace: true,
              })
            }
          >
            <option value="">every feature</option>
            {[...titles].map(([id, title]) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        )}
      </div>
      <div className="card">
        {runs.isPending && <Waiting rows={8} />}
        {runs.isError && <ProblemNotice error={runs.error} retry={() => void runs.refetch()} />}
        {runs.isSuccess && rows.length === 0 && (
          <Empty title={isFiltered ? "No run matches" : "Nothing has run yet"}>
            {isFiltered
              ? "Take a filter away, or search for another word."
              : "Open a feature and review its next command, or run one from a terminal: workbench run -- COMMAND"}
          </Empty>
        )}
        {rows.length > 0 && <RunHead />}
        <ul
          className="rows virtual"
          ref={list}
          style={{ height: virtual.getTotalSize() }}
          aria-label="Runs, newest first"
        >
          {items.map((item) => {
            const run = rows[item.index];
            return run ? (
              <li
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                style={{ transform: `translateY(${item.start - virtual.options.scrollMargin}px)` }}
              >
                <RunRow run={run} full />
              </li>
            ) : null;
          })}
        </ul>
      </div>
      {search.q && <Found projectId={projectId} words={search.q} />}
      {isAsking && <ReviewDialog projectId={projectId} close={() => setAsking(false)} />}
    </div>
  );
}
