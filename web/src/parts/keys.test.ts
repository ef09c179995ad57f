import { describe, expect, it } from "vitest";
import { nameOf } from "./keys";

const press = (key: string, held: Partial<Record<"ctrlKey" | "metaKey" | "altKey", boolean>> = {}) =>
  nameOf({ key, ctrlKey: false, metaKey: false, altKey: false, ...held });

describe("the name of a key press", () => {
  it("is the key, small", () => {
    expect(press("A")).toBe("a");
    expect(press("?")).toBe("?");
    expect(press("Escape")).toBe("Escape");
  });

  it("says Ctrl for Control and for Command", () => {
    expect(press("k", { ctrlKey: true })).toBe("Ctrl+k");
    expect(press("K", { metaKey: true })).toBe("Ctrl+k");
    expect(press("k", { altKey: true })).toBe("Alt+k");
  });
});
