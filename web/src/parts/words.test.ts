import { describe, expect, it } from "vitest";
import { count, duration, pathEnd, relative, shortId, size } from "./words";

it.each([
  ["/home/ann/code/todo-cli", "…/code/todo-cli"],
  ["/srv/todo-cli", "/srv/todo-cli"],
  ["/todo-cli/", "/todo-cli/"],
  ["", ""],
])("the end of %s is %s", (path, end) => {
  expect(pathEnd(path)).toBe(end);
});

describe("spoken values", () => {
  it.each([
    [0, "0ms"],
    [38.4, "38ms"],
    [9_950, "9.9s"],
    [64_000, "1m 04s"],
    [7_500_000, "2h 05m"],
    [277_200_000, "3d 5h"],
    [-5, "0ms"],
  ])("a duration of %i ms is %s", (milliseconds, words) => {
    expect(duration(milliseconds)).toBe(words);
  });

  it.each([
    ["2026-01-01T11:59:58Z", "just now"],
    ["2026-01-01T11:56:00Z", "4m ago"],
    ["2026-01-01T14:00:00Z", "in 2h"],
    ["2025-12-25T12:00:00Z", "7d ago"],
    ["no time", "no time"],
  ])("%s is %s", (at, words) => {
    expect(relative(at, Date.parse("2026-01-01T12:00:00Z"))).toBe(words);
  });

  it("sizes, counts and ids are short", () => {
    expect(size(512)).toBe("512 B");
    expect(size(1_530)).toBe("1.5 kB");
    expect(size(20_000_000)).toBe("20 MB");
    expect(count(1, "task")).toBe("1 task");
    expect(count(1_200, "repository", "repositories")).toBe("1,200 repositories");
    expect(shortId("run_01K0000000AB12CD")).toBe("run_AB12CD");
    expect(shortId("step_1")).toBe("step_1");
  });
});
