/* Ledger events as a list: what happened, who, when, and the number and hash that prove it. */
import { When } from "../../parts/time";
import { visible } from "../../parts/visible";
import { capital, spoken } from "../../parts/words";
import type { EventOut } from "../../wire/schema";

function detail({ payload }: EventOut): string {
  const words = ["host", "port", "why", "blocked_by", "reason", "exit_code", "end_reason", "failure_reason"]
    .map((name) => [name, payload[name]] as const)
    .filter(([, value]) => (typeof value === "string" && value !== "") || typeof value === "number")
    .map(([name, value]) => `${spoken(name)}: ${visible(String(value))}`);
  return words.join(" · ");
}

const toneOf = (tag: string): string => {
  const verb = tag.split(":").at(-1) ?? "";
  if (["succeeded", "approved", "released"].includes(verb)) return "succeeded";
  if (["failed", "denied", "engaged"].includes(verb)) return "failed";
  if (["blocked", "requested", "interrupted", "cancel_requested"].includes(verb)) return "blocked";
  return verb === "started" ? "running" : "queued";
};

export function Timeline({ events }: { events: readonly EventOut[] }) {
  return (
    <ol className="timeline">
      {events.map((event) => (
        <li key={event.seq} data-tone={toneOf(event.tag)}>
          <div className="line">
            <strong>{capital(spoken(event.tag.replace(":", " ")))}</strong>
            <span className="grow" />
            <span className="quiet">
              <When at={event.at} />
            </span>
          </div>
          {detail(event) && <p className="soft">{detail(event)}</p>}
          <p className="quiet mono" title={event.leaf_hash}>
            #{event.seq} · {event.actor} · {event.leaf_hash.slice(0, 10)}
          </p>
        </li>
      ))}
    </ol>
  );
}
