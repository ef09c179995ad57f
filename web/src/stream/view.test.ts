import { describe, expect, it } from "vitest";
import type { EventOut } from "../wire/schema";
import { newView, RECENT, reduce, staleSince, subjectsOf, type View } from "./view";

const event = (seq: number, tag: string, payload: Record<string, unknown> = {}, run = "run_1"): EventOut => ({
  seq,
  project_id: "prj_1",
  run_id: run === "" ? null : run,
  step_id: null,
  tag,
  actor: "ada",
  at: "2026-01-01T00:00:00Z",
  payload,
  leaf_hash: `hash${seq}`,
});

const viewOf = (events: EventOut[], view: View = newView()) => reduce(view, { kind: "events", events });

describe("the view of the ledger's events", () => {
  it("holds the status and the hold that a run's latest event names", () => {
    const view = viewOf([
      event(1, "run:queued", { status: "queued" }),
      event(2, "run:blocked", { status: "blocked", blocked_by: "approval" }),
    ]);
    expect(view.runs).toEqual({ run_1: { status: "blocked", blockedBy: "approval", seq: 2 } });
    expect(view.lastSeq).toBe(2);
  });

  it("makes the policy's answers old when something is remembered or forgotten", () => {
    expect(subjectsOf(event(1, "policy:remembered"))).toEqual(["policy", "run:run_1"]);
    expect(subjectsOf(event(2, "policy:forgotten", {}, ""))).toEqual(["policy"]);
  });

  it("counts a repeated event once, whatever the stream repeats", () => {
    const events = [
      event(1, "run:queued", { status: "queued" }),
      event(2, "run:started", { status: "running" }),
    ];
    const once = viewOf(events);
    expect(viewOf(events, once)).toEqual(once);
  });

  it("never lets a step's status stand for its run's", () => {
    const view = viewOf([
      event(1, "run:started", { status: "running" }),
      event(2, "step:succeeded", { status: "succeeded" }),
    ]);
    expect(view.runs.run_1?.status).toBe("running");
  });

  it("takes a payload without a status for what it is: no news of the status", () => {
    const view = viewOf([event(1, "run:started", { status: "running" }), event(2, "run:cancel_requested")]);
    expect(view.runs.run_1).toEqual({ status: "running", blockedBy: null, seq: 1 });
  });

  it("gives the same view for one burst and for single events", () => {
    const events = Array.from({ length: 40 }, (_, index) =>
      event(index + 1, index % 2 ? "run:started" : "run:queued", {
        status: index % 2 ? "running" : "queued",
      }),
    );
    expect(events.reduce((view, each) => viewOf([each], view), newView())).toEqual(viewOf(events));
  });

  it("keeps the latest events and lets older ones go", () => {
    const view = viewOf(Array.from({ length: RECENT + 20 }, (_, index) => event(index + 1, "run:queued")));
    expect(view.recent).toHaveLength(RECENT);
    expect(view.recent.at(-1)?.seq).toBe(RECENT + 20);
  });

  it.each([
    ["run:started", ["runs", "approvals", "run:run_1"]],
    ["step:blocked", ["run:run_1"]],
    ["artifact:recorded", ["run:run_1"]],
    ["approval:requested", ["approvals", "runs", "run:run_1"]],
    ["preview:recorded", ["approvals", "runs", "run:run_1"]],
    ["switch:set", ["switches", "run:run_1"]],
    ["kill:engaged", ["kill", "switches", "runs"]],
    ["project:added", ["projects", "features"]],
    ["later:word", ["run:run_1"]],
  ])("knows which answers grow old with %s", (tag, subjects) => {
    expect(subjectsOf(event(1, tag))).toEqual(subjects);
  });

  it("names exactly the subjects that changed between two views", () => {
    const before = viewOf([event(1, "run:queued", { status: "queued" })]);
    const later = viewOf([event(2, "approval:requested", {}, "run_2")], before);
    expect(staleSince(before, later).sort()).toEqual(["approvals", "run:run_2", "runs"]);
    expect(staleSince(later, later)).toEqual([]);
  });
});

describe("the connection", () => {
  it("asks for everything again when it opened without a place to resume from", () => {
    const opened = reduce(newView(), { kind: "opened", resumed: false });
    expect(opened.link).toBe("live");
    expect(staleSince(newView(), opened)).toEqual(["all"]);
  });

  it("asks for nothing when it resumed: no event was missed", () => {
    const lost = reduce(reduce(newView(), { kind: "opened", resumed: false }), { kind: "lost" });
    const again = reduce(lost, { kind: "opened", resumed: true });
    expect(lost.link).toBe("lost");
    expect(again.link).toBe("live");
    expect(staleSince(lost, again)).toEqual([]);
  });

  it("asks for everything again when the caller is refused, so that the page says so", () => {
    const open = reduce(newView(), { kind: "opened", resumed: false });
    expect(staleSince(open, reduce(open, { kind: "refused" }))).toEqual(["all"]);
  });

  it("stays the same object when nothing is new", () => {
    const lost = reduce(newView(), { kind: "lost" });
    expect(reduce(lost, { kind: "lost" })).toBe(lost);
  });
});
