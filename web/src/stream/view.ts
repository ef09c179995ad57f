/* What the page knows from the ledger's events: one pure reducer, (view, news) -> view.
   It never decides what may be done with a run; it says which answers of the server are old. */
import type { EventOut } from "../wire/schema";

export type Link = "connecting" | "live" | "lost" | "refused";

/** A run as its latest event left it; shown at once, until the server's own answer arrives. */
export interface LiveRun {
  status: string;
  blockedBy: string | null;
  seq: number;
}

export interface View {
  link: Link;
  lastSeq: number;
  runs: Readonly<Record<string, LiveRun>>;
  /** Subject of an answer -> the sequence number at which it grew old. */
  touched: Readonly<Record<string, number>>;
  /** Newest last; at most RECENT of them. */
  recent: readonly EventOut[];
  /** Counts connections, so that a new one can ask again for what it may have missed. */
  connections: number;
}

export type News =
  | { kind: "connecting" }
  | { kind: "opened"; resumed: boolean }
  | { kind: "lost" }
  | { kind: "refused" }
  | { kind: "events"; events: readonly EventOut[] };

export const RECENT = 500;

export const newView = (): View => ({
  link: "connecting",
  lastSeq: 0,
  runs: {},
  touched: {},
  recent: [],
  connections: 0,
});

/** The subjects whose answers an event makes old. */
export function subjectsOf(event: EventOut): string[] {
  const [subject] = event.tag.split(":");
  const ofRun = event.run_id ? [`run:${event.run_id}`] : [];
  switch (subject) {
    case "run":
      return ["runs", "approvals", ...ofRun];
    case "step":
    case "artifact":
      return ofRun;
    case "approval":
    case "preview":
      return ["approvals", "runs", ...ofRun];
    case "switch":
      return ["switches", ...ofRun];
    case "kill":
      return ["kill", "switches", "runs"];
    case "policy":
      return ["policy", ...ofRun];
    case "project":
      return ["projects", "features"];
    default:
      return ofRun;
  }
}

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

function withEvent(view: View, event: EventOut): View {
  // A resumed stream may repeat what is known: each sequence number counts once.
  if (event.seq <= view.lastSeq) return view;
  const touched = { ...view.touched };
  for (const subject of subjectsOf(event)) touched[subject] = event.seq;
  let runs = view.runs;
  const status = text(event.payload.status);
  if (event.run_id && event.tag.startsWith("run:") && status) {
    const live = { status, blockedBy: text(event.payload.blocked_by), seq: event.seq };
    runs = { ...runs, [event.run_id]: live };
  }
  const recent = [...view.recent, event].slice(-RECENT);
  return { ...view, lastSeq: event.seq, runs, touched, recent };
}

/** The view after one piece of news. */
export function reduce(view: View, news: News): View {
  switch (news.kind) {
    case "connecting":
      return view.link === "connecting" ? view : { ...view, link: "connecting" };
    case "opened":
      return {
        ...view,
        link: "live",
        connections: view.connections + 1,
        touched: news.resumed ? view.touched : { ...view.touched, all: view.connections + 1 },
      };
    case "lost":
      return view.link === "lost" ? view : { ...view, link: "lost" };
    case "refused":
      // Asking again shows everywhere that the caller is signed out.
      return { ...view, link: "refused", touched: { ...view.touched, all: -1 - view.connections } };
    case "events":
      return news.events.reduce(withEvent, view);
  }
}

/** The subjects that grew old between two views. */
export function staleSince(before: View, after: View): string[] {
  return Object.keys(after.touched).filter((subject) => after.touched[subject] !== before.touched[subject]);
}
