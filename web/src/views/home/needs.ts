/* Which ended or denied runs still ask for a look, and which of them a person put away in this browser.
   Pure but for the last part, which keeps the put-away run ids in localStorage. */
import { useSyncExternalStore } from "react";
import type { RunOut } from "../../wire/schema";

export const DAY_MS = 24 * 60 * 60 * 1_000;
const KEY = "workbench.dismissed";

/** Run ids put away, each with the moment in milliseconds when. */
export type Dismissed = Readonly<Record<string, number>>;

type Judged = Pick<RunOut, "run_id" | "status" | "blocked_by" | "created_at" | "ended_at">;

/** Whether policy or the boundary refused the run: no wait will let it start. */
export const isDenied = (run: Pick<RunOut, "status" | "blocked_by">): boolean =>
  run.status === "blocked" && (run.blocked_by === "policy" || run.blocked_by === "boundary");

/** The runs of the last 24 hours that nobody has retried; the order stays. */
export function unanswered<Run extends Judged>(
  runs: readonly Run[],
  retried: ReadonlySet<string>,
  now: number,
): Run[] {
  return runs.filter(
    (run) => now - Date.parse(run.ended_at ?? run.created_at) < DAY_MS && !retried.has(run.run_id),
  );
}

/** What storage held, without what is no run id with a moment and without what nobody is shown any more. */
export function readDismissed(text: string | null, now: number): Dismissed {
  try {
    const stored: unknown = JSON.parse(text ?? "{}");
    if (typeof stored !== "object" || stored === null) return {};
    return Object.fromEntries(
      Object.entries(stored).filter(
        (entry): entry is [string, number] => typeof entry[1] === "number" && now - entry[1] < DAY_MS,
      ),
    );
  } catch {
    return {};
  }
}

const listeners = new Set<() => void>();
let kept: Dismissed | undefined;

function current(): Dismissed {
  if (kept === undefined) {
    let text: string | null = null;
    try {
      text = localStorage.getItem(KEY);
    } catch {
      // Without storage a dismissal lasts as long as the page.
    }
    kept = readDismissed(text, Date.now());
  }
  return kept;
}

function keep(next: Dismissed): void {
  kept = next;
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // As above.
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  // Another tab may have dismissed more.
  const reread = () => {
    kept = undefined;
    listener();
  };
  listeners.add(listener);
  window.addEventListener("storage", reread);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", reread);
  };
}

export const useDismissed = (): Dismissed => useSyncExternalStore(subscribe, current);

/** Puts a run away in this browser; the record of it does not change. */
export const dismiss = (runId: string): void => keep({ ...current(), [runId]: Date.now() });

/** Shows the runs again. */
export function restore(runIds: readonly string[]): void {
  keep(Object.fromEntries(Object.entries(current()).filter(([id]) => !runIds.includes(id))));
}
