/* Status and risk as shape + colour + word, the same everywhere. It draws words of the server; a word it
   does not know is drawn as a plain ring, never left out. */
import { spoken } from "./words";

type Shape = "ring" | "half" | "disc" | "triangle" | "square" | "bars" | "skip" | "check";

const SHAPES: Record<string, [Shape, string]> = {
  queued: ["ring", "queued"],
  running: ["half", "running"],
  succeeded: ["disc", "succeeded"],
  failed: ["triangle", "failed"],
  canceled: ["square", "canceled"],
  blocked: ["bars", "blocked"],
  skipped: ["skip", "canceled"],
  pending: ["bars", "blocked"],
  approved: ["disc", "succeeded"],
  approve: ["disc", "succeeded"],
  denied: ["triangle", "failed"],
  expired: ["square", "canceled"],
  withdrawn: ["square", "canceled"],
  lapsed: ["square", "canceled"],
  edit: ["half", "running"],
  done: ["disc", "succeeded"],
  in_progress: ["half", "running"],
  in_review: ["half", "running"],
  open: ["ring", "queued"],
  planned: ["ring", "queued"],
  draft: ["ring", "queued"],
  archived: ["square", "canceled"],
  pass: ["disc", "succeeded"],
  fail: ["triangle", "failed"],
  not_enough_data: ["ring", "queued"],
  allow: ["disc", "succeeded"],
  requires_approval: ["bars", "blocked"],
  deny: ["triangle", "failed"],
  in_force: ["disc", "succeeded"],
  not_accepted: ["bars", "blocked"],
  changed: ["triangle", "failed"],
  broken: ["triangle", "failed"],
  proved: ["disc", "succeeded"],
  refuted: ["triangle", "failed"],
  ready: ["disc", "succeeded"],
  failing: ["triangle", "failed"],
};

function Mark({ shape }: { shape: Shape }) {
  return (
    <svg className={`mark mark-${shape}`} viewBox="0 0 16 16" aria-hidden="true">
      {shape === "ring" && <circle cx="8" cy="8" r="5.5" className="stroke" />}
      {shape === "half" && (
        <>
          <circle cx="8" cy="8" r="5.5" className="stroke faint" />
          <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" className="fill" />
        </>
      )}
      {shape === "disc" && <circle cx="8" cy="8" r="6" className="fill" />}
      {shape === "triangle" && <path d="M8 1.8 14.8 13.8H1.2z" className="fill" />}
      {shape === "square" && <rect x="2.5" y="2.5" width="11" height="11" rx="1.5" className="fill" />}
      {shape === "bars" && <path d="M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z" className="fill" />}
      {shape === "skip" && <path d="M3 13V6.5h9M9 3l3.5 3.5L9 10" className="stroke" />}
    </svg>
  );
}

/** A status. `quiet` drops the tinted ground, for rows. */
export function Status({ status, quiet = false, says }: { status: string; quiet?: boolean; says?: string }) {
  const [shape, tone] = SHAPES[status] ?? ["ring", "queued"];
  return (
    <span className="status" data-tone={tone} data-quiet={quiet || undefined}>
      <Mark shape={shape} />
      <span>{says ?? spoken(status)}</span>
    </span>
  );
}

const RISKS = ["low", "medium", "high"];

/** Risk as one, two or three bars, with its word. */
export function Risk({ level }: { level: string | null }) {
  if (!level) return null;
  const bars = RISKS.indexOf(level) + 1;
  return (
    <span className="risk" data-level={level}>
      <svg viewBox="0 0 16 16" aria-hidden="true" className="mark">
        {[0, 1, 2].map((bar) => (
          <rect
            key={bar}
            x={2 + bar * 4.5}
            y={10 - bar * 3.5}
            width="3"
            height={4 + bar * 3.5}
            rx="0.8"
            className={bar < bars ? "fill" : "fill faint"}
          />
        ))}
      </svg>
      <span>{level} risk</span>
    </span>
  );
}
