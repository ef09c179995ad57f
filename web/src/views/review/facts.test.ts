import { expect, it } from "vitest";
import { inWords, seenFrom } from "./facts";

const RULES = [{ rule_id: "shape-of-root", text: "Nothing deletes the root.", source: "rules.cedar:4" }];

it("says the strictest rule where the server's reason names codes", () => {
  const codes = ["DELETES_ROOT", "WRITES"];
  expect(inWords("policy denies it: DELETES_ROOT, WRITES", codes, RULES as never)).toBe(
    "policy denies it: Nothing deletes the root.",
  );
});

it("leaves a reason that names no codes", () => {
  expect(inWords("the kill switch is on", ["WRITES"], RULES as never)).toBe("the kill switch is on");
});

it("cuts a path to the folder it lies in, and no other", () => {
  expect(seenFrom("/ws/build/x", "/ws")).toBe("build/x");
  expect(seenFrom("/ws-evil/x", "/ws")).toBe("/ws-evil/x");
  expect(seenFrom("/ws", "/ws")).toBe("/ws");
  expect(seenFrom("/ws/x", "")).toBe("/ws/x");
});
