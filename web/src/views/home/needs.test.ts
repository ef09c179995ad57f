import { describe, expect, it } from "vitest";
import { DAY_MS, isDenied, readDismissed, unanswered } from "./needs";

const NOW = Date.parse("2026-03-02T12:00:00Z");
const run = (run_id: string, ended_at: string | null, created_at = "2026-03-02T08:00:00Z") => ({
  run_id,
  status: "failed",
  blocked_by: null,
  created_at,
  ended_at,
});

describe("runs that ask for a look", () => {
  it("leave after a day, and when somebody retried them", () => {
    const runs = [
      run("run_new", "2026-03-02T11:00:00Z"),
      run("run_retried", "2026-03-02T10:00:00Z"),
      run("run_long", "2026-03-02T09:00:00Z", "2026-02-27T09:00:00Z"),
      run("run_old", "2026-03-01T11:59:00Z"),
      run("run_denied_long_ago", null, "2026-03-01T08:00:00Z"),
    ];
    const found = unanswered(runs, new Set(["run_retried"]), NOW);
    expect(found.map(({ run_id }) => run_id)).toEqual(["run_new", "run_long"]);
  });

  it("are denied by policy or the boundary, not held for an approval", () => {
    const blocked = ["policy", "boundary", "approval", "kill_switch", null];
    expect(blocked.map((blocked_by) => isDenied({ status: "blocked", blocked_by }))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

describe("what a person put away", () => {
  it("is forgotten after a day, for its run is no longer shown", () => {
    const text = JSON.stringify({ run_a: NOW - 1, run_b: NOW - DAY_MS, run_c: "yes" });
    expect(readDismissed(text, NOW)).toEqual({ run_a: NOW - 1 });
  });

  it.each([[null], [""], ["{"], ["null"], ["7"]])("is nothing when storage holds %s", (text) => {
    expect(readDismissed(text, NOW)).toEqual({});
  });
});
