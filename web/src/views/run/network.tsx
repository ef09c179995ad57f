/* What a run could reach, what it asked for, and which names it was refused. */
import { visible } from "../../parts/visible";
import { count, size, spoken } from "../../parts/words";
import type { EventOut } from "../../wire/schema";
import { type Asked, connectionsOf } from "./connections";

const TONES: Record<string, string> = { allowed: "succeeded", refused: "blocked", failed: "failed" };

function became(asked: Asked, isOver: boolean): string {
  if (asked.why) return spoken(asked.why);
  if (asked.isOpen) return isOver ? "its end was not recorded" : "open";
  return `${size(asked.sentBytes)} out, ${size(asked.receivedBytes)} in`;
}

function Line({ asked, isOver }: { asked: Asked; isOver: boolean }) {
  return (
    <li className="line wraps">
      <span className="pill" data-tone={TONES[asked.decision]}>
        {asked.decision}
      </span>
      <span className="mono">
        {visible(asked.host)}:{asked.port}
      </span>
      <span className="quiet">{became(asked, isOver)}</span>
    </li>
  );
}

export function Network({
  words,
  events,
  isOver,
}: {
  words: string;
  events: readonly EventOut[];
  isOver: boolean;
}) {
  const found = connectionsOf(events);
  return (
    <div className="stack tight">
      <p className="soft">{words}</p>
      {found.asked.length > 0 && (
        <ul className="stack tight">
          {found.asked.map((asked) => (
            <Line key={asked.seq} asked={asked} isOver={isOver} />
          ))}
        </ul>
      )}
      {found.more > 0 && <p className="quiet">and {count(found.more, "more connection")}</p>}
    </div>
  );
}
