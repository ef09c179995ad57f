import { expect, it } from "vitest";
import { lookedFor } from "./looked";

it("names each place that was looked at", () => {
  const reason =
    "no planning documents were found; looked for: specs/*/spec.md; openspec/; what could not be read: 2";
  expect(lookedFor(reason)).toEqual({
    found: "no planning documents were found",
    places: ["specs/*/spec.md", "openspec/"],
  });
});

it("leaves any other reason whole", () => {
  expect(lookedFor("the folder is empty")).toEqual({ found: "the folder is empty", places: [] });
});
