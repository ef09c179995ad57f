import { describe, expect, it } from "vitest";
import { address, asProblem, freshKey, Refusal } from "./ask";

describe("asking the server", () => {
  it("leaves empty values out of an address and encodes the rest", () => {
    expect(address("/api/runs", { project_id: "p 1", status: "", cursor: null, q: "a&b" })).toBe(
      "/api/runs?project_id=p+1&q=a%26b",
    );
    expect(address("/api/runs")).toBe("/api/runs");
  });

  it("never makes the same key twice", () => {
    expect(new Set(Array.from({ length: 100 }, freshKey)).size).toBe(100);
  });

  it("turns every error into a problem with a next action", () => {
    const problem = { type: "about:blank", title: "t", status: 404, detail: "d", code: "c", remedy: "r" };
    expect(asProblem(new Refusal(problem))).toEqual(problem);
    for (const thrown of [new Error("x"), "x", undefined]) expect(asProblem(thrown).remedy).not.toBe("");
  });
});
