/* Gives every part of the page the one live view, and asks anew for the answers that grew old.
   One stream a page: the project's; the frame mounts this anew for another project. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useReducer, useRef } from "react";
import { address } from "../wire/ask";
import { follow } from "./follow";
import { newView, reduce, staleSince, type View } from "./view";

const LiveContext = createContext<View>(newView());

export const useLive = (): View => useContext(LiveContext);

/** Events come in bursts; one refetch answers a burst. */
const GATHER_MS = 60;
/** A hidden page gives its connection back: a browser allows six to one server. */
const HIDDEN_MS = 30_000;

export function LiveView({ projectId, children }: { projectId: string; children: ReactNode }) {
  const client = useQueryClient();
  const [view, tell] = useReducer(reduce, undefined, newView);
  const latest = useRef(view);
  const answered = useRef(view);
  const gathering = useRef(false);
  latest.current = view;

  useEffect(() => {
    if (projectId === "") return;
    let stop: AbortController | null = null;
    let hidden: ReturnType<typeof setTimeout> | undefined;
    const start = () => {
      if (stop) return;
      stop = new AbortController();
      tell({ kind: "connecting" });
      void follow({
        address: (after) => address("/api/events", { project_id: projectId, after }),
        after: latest.current.lastSeq > 0 ? latest.current.lastSeq : null,
        tell,
        signal: stop.signal,
      });
    };
    const end = () => {
      stop?.abort();
      stop = null;
    };
    const look = () => {
      clearTimeout(hidden);
      if (document.visibilityState === "hidden") hidden = setTimeout(end, HIDDEN_MS);
      else start();
    };
    start();
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(hidden);
      document.removeEventListener("visibilitychange", look);
      end();
    };
  }, [projectId]);

  useEffect(() => {
    if (gathering.current || view === answered.current) return;
    gathering.current = true;
    setTimeout(() => {
      gathering.current = false;
      const stale = staleSince(answered.current, latest.current);
      answered.current = latest.current;
      if (stale.includes("all")) {
        void client.invalidateQueries();
        return;
      }
      const words = new Set(stale);
      void client.invalidateQueries({
        predicate: ({ queryKey: [subject, id] }) =>
          words.has(String(subject)) || (subject === "run" && words.has(`run:${String(id)}`)),
      });
    }, GATHER_MS);
  }, [view, client]);

  return <LiveContext.Provider value={view}>{children}</LiveContext.Provider>;
}
