/* Where the words stand in what ended runs printed; newest first, a page at a time. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ProblemNotice } from "../../parts/notice";
import { foundQuery } from "../../wire/queries";

export function Found({ projectId, words }: { projectId: string; words: string }) {
  const found = useInfiniteQuery(foundQuery(projectId, words));
  const lines = found.data?.pages.flatMap(({ body }) => body) ?? [];
  return (
    <section className="card found" aria-label="In what they printed">
      <h2>In what they printed</h2>
      {found.isError && <ProblemNotice error={found.error} retry={() => void found.refetch()} />}
      {found.isSuccess && lines.length === 0 && !found.hasNextPage && (
        <p className="quiet">No transcript of this project holds that.</p>
      )}
      <ul aria-label="Lines that hold the words">
        {lines.map((line) => (
          <li key={`${line.step_id}:${line.line}`}>
            <Link to="/p/$projectId/runs/$runId" params={{ projectId, runId: line.run_id }}>
              {line.run_id.slice(-8)}:{line.line}
            </Link>
            <code>{line.text}</code>
          </li>
        ))}
      </ul>
      {found.hasNextPage && (
        <button
          type="button"
          className="button small"
          disabled={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          {lines.length > 0 ? "More" : "Look further back"}
        </button>
      )}
    </section>
  );
}
