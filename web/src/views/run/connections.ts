/* Reads the network events of a run: each connection, how many more there were, which names were refused. */
import type { EventOut } from "../../wire/schema";

export interface Asked {
  seq: number;
  decision: string;
  host: string;
  port: number;
  why: string;
  /** Of an allowed one: whether it was open when the last event came, and what went through it. */
  isOpen: boolean;
  sentBytes: number;
  receivedBytes: number;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number => (typeof value === "number" ? value : 0);

export function connectionsOf(events: readonly EventOut[]): { asked: Asked[]; more: number } {
  const asked: Asked[] = [];
  const open = new Map<string, Asked>();
  let more = 0;
  const inOrder = [...events].sort((one, other) => one.seq - other.seq);
  for (const { seq, step_id, tag, payload } of inOrder) {
    if (!tag.startsWith("network:")) continue;
    if (tag === "network:more") {
      for (const name of ["allowed", "refused", "failed"]) more += number(payload[name]);
      continue;
    }
    // The numbers begin anew with each attempt of a step; an end belongs to the last opening of its number.
    const key = `${step_id} ${number(payload.connection)}`;
    const opened = open.get(key);
    if (tag === "network:ended" && opened) {
      opened.isOpen = false;
      opened.why = text(payload.why);
      opened.sentBytes = number(payload.sent_bytes);
      opened.receivedBytes = number(payload.received_bytes);
      continue;
    }
    const one = {
      seq,
      decision: tag.slice("network:".length),
      host: text(payload.host),
      port: number(payload.port),
      why: text(payload.why),
      // What was recorded by an older version was over when it was told.
      isOpen: tag === "network:allowed" && !("sent_bytes" in payload),
      sentBytes: number(payload.sent_bytes),
      receivedBytes: number(payload.received_bytes),
    };
    asked.push(one);
    if (one.isOpen) open.set(key, one);
  }
  return { asked, more };
}

/** The names that the list did not have, as they would be asked for; 80 and 443 are what a bare name means. */
export function refusedNames(events: readonly EventOut[]): string[] {
  const names = connectionsOf(events)
    .asked.filter(({ decision }) => decision === "refused")
    .filter(({ why }) => why === "not_on_list" || why === "port_not_on_list")
    .map(({ host, port }) => (port === 80 || port === 443 ? host : `${host}:${port}`));
  return [...new Set(names)];
}
