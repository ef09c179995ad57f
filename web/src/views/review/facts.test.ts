import { expect, it } from "vitest";
import { deciding, inWords, seenFrom } from "./facts";

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

it("shows the rules that decide and those that only tell, not those that a stricter one has outdone", () => {
  const rule = (rule_id: string, verdict: string | null) => ({ rule_id, text: "", source: "", verdict });
  const all = [
    rule("no", "deny"),
    rule("ask", "requires_approval"),
    rule("yes", "allow"),
    rule("told", null),
  ];
  expect(deciding(all as never).map((each) => each.rule_id)).toEqual(["no", "told"]);
  expect(deciding(all.slice(1) as never).map((each) => each.rule_id)).toEqual(["ask", "told"]);
  expect(deciding(RULES as never)).toEqual(RULES);
});
