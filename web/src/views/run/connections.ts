/* Reads the network events of a run: each connection, how many more there were, which names were refused. */
import type { EventOut } from "../../wire/schema";

export interface Asked {
  seq: number;
  decision: string;
  host: string;
  port: number;
  why: string;
  sentBytes: number;
  receivedBytes: number;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number => (typeof value === "number" ? value : 0);

export function connectionsOf(events: readonly EventOut[]): { asked: Asked[]; more: number } {
  const asked: Asked[] = [];
  let more = 0;
  for (const { seq, tag, payload } of events) {
    if (!tag.startsWith("network:")) continue;
    if (tag === "network:more") {
      for (const name of ["allowed", "refused", "failed"]) more += number(payload[name]);
      continue;
    }
    asked.push({
      seq,
      decision: tag.slice("network:".length),
      host: text(payload.host),
      port: number(payload.port),
      why: text(payload.why),
      sentBytes: number(payload.sent_bytes),
      receivedBytes: number(payload.received_bytes),
    });
  }
  return { asked: asked.sort((one, other) => one.seq - other.seq), more };
}

/** The names that the list did not have, as they would be asked for; 80 and 443 are what a bare name means. */
export function refusedNames(events: readonly EventOut[]): string[] {
  const names = connectionsOf(events)
    .asked.filter(({ decision }) => decision === "refused")
    .filter(({ why }) => why === "not_on_list" || why === "port_not_on_list")
    .map(({ host, port }) => (port === 80 || port === 443 ? host : `${host}:${port}`));
  return [...new Set(names)];
}
