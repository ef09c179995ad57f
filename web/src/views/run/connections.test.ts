import { expect, test } from "vitest";
import type { EventOut } from "../../wire/schema";
import { connectionsOf, refusedNames } from "./connections";

const event = (seq: number, tag: string, payload: Record<string, unknown>): EventOut => ({
  seq,
  project_id: "p",
  run_id: "r",
  step_id: "s",
  tag,
  actor: "engine",
  at: "2026-01-01T00:00:00Z",
  payload,
  leaf_hash: "00",
});

const EVENTS = [
  event(4, "network:more", { refused: 7, allowed: 2 }),
  event(3, "network:refused", { host: "a.org", port: 443, why: "not_on_list" }),
  event(2, "network:refused", { host: "b.org", port: 22, why: "port_not_on_list" }),
  event(1, "network:allowed", { connection: 1, host: "c.org", port: 443, why: "" }),
  event(8, "network:ended", { connection: 1, host: "c.org", port: 443, sent_bytes: 5, received_bytes: 6 }),
  event(5, "network:refused", { host: "169.254.169.254", port: 80, why: "address_not_on_list" }),
  event(6, "network:refused", { host: "a.org", port: 80, why: "not_on_list" }),
  event(7, "run:failed", {}),
];

test("connections come in the order in which they were asked for, and the rest is counted", () => {
  const found = connectionsOf(EVENTS);
  expect(found.more).toBe(9);
  expect(found.asked.map(({ host, decision }) => `${host} ${decision}`)).toEqual([
    "c.org allowed",
    "b.org refused",
    "a.org refused",
    "169.254.169.254 refused",
    "a.org refused",
  ]);
});

test("an allowed one is open until its end is told, and the end belongs to the last of its number", () => {
  const opened = (seq: number, host: string) =>
    event(seq, "network:allowed", { connection: 1, host, port: 443, why: "" });
  const ended = event(4, "network:ended", {
    connection: 1,
    why: "timed_out",
    sent_bytes: 5,
    received_bytes: 6,
  });
  const told = connectionsOf([opened(1, "a.org"), opened(2, "b.org"), ended]).asked;
  expect(told.map(({ host, isOpen, why, sentBytes }) => [host, isOpen, why, sentBytes])).toEqual([
    ["a.org", true, "", 0],
    ["b.org", false, "timed_out", 5],
  ]);
});

test("what an older version told at the end is not taken for open", () => {
  const old = event(1, "network:allowed", {
    host: "a.org",
    port: 443,
    why: "",
    sent_bytes: 5,
    received_bytes: 6,
  });
  expect(connectionsOf([old]).asked.map(({ isOpen, receivedBytes }) => [isOpen, receivedBytes])).toEqual([
    [false, 6],
  ]);
});

test("a refused name is asked for once, with its port where that is not a usual one", () => {
  expect(refusedNames(EVENTS)).toEqual(["b.org:22", "a.org"]);
});
