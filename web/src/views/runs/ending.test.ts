import { describe, expect, it } from "vitest";
import { isTimedOut, outcomeOf } from "./ending";

describe("a run that a limit ended", () => {
  it.each([
    ["failed", "Failed: timed out: the time limit was reached.", true],
    ["failed", "Failed: timed out: no output within the idle limit.", true],
    ["failed", "Failed: exit code 143.", false],
    ["running", "Running in the sandbox.", false],
  ])("%s, %s: %s", (status, why, expected) => {
    expect(isTimedOut({ status, why })).toBe(expected);
  });

  it("is known by its step too", () => {
    const step = { provider_status_raw: "timed_out", failure_reason: null };
    expect(isTimedOut({ status: "failed", why: "", steps: [step] })).toBe(true);
  });
});

describe("what stands beside a canceled run", () => {
  it.each([
    ["denied", "denied"],
    ["expired", "expired"],
    ["canceled", null],
  ] as const)("%s", (how, expected) => {
    expect(outcomeOf({ status: "canceled", why: "", canceled: { how } })).toBe(expected);
  });
});
