import { describe, expect, it } from "vitest";
import { parseFrame, parseWord, unseenPart } from "./frames";

function frame(stream: number, offset: bigint, text: string): ArrayBuffer {
  const bytes = new TextEncoder().encode(text);
  const message = new ArrayBuffer(13 + bytes.byteLength);
  const head = new DataView(message);
  head.setUint8(0, stream);
  head.setBigUint64(1, offset);
  head.setUint32(9, 1234);
  new Uint8Array(message, 13).set(bytes);
  return message;
}

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

describe("frames of output", () => {
  it("hold stream, offset, time and bytes", () => {
    const parsed = parseFrame(frame(2, 5_000_000_000n, "hé"));
    expect(parsed).toMatchObject({ stream: "stderr", offset: 5_000_000_000, atMs: 1234 });
    expect(text(parsed?.bytes)).toBe("hé");
  });

  it.each([
    ["too short", new ArrayBuffer(12)],
    ["of a stream nobody knows", frame(9, 0n, "x")],
  ])("are refused when %s", (_why, message) => {
    expect(parseFrame(message)).toBeNull();
  });

  it("are drawn once across reconnects, however they overlap", () => {
    const whole = "abcdefghij";
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const parsed = parseFrame(frame(0, 100n, whole));
      const part = parsed && unseenPart(parsed, 100 + cut);
      expect(text(part?.bytes)).toBe(whole.slice(cut));
      if (part) expect(part.offset).toBe(100 + cut);
    }
  });
});

describe("words of the server", () => {
  it.each([
    ['{"type":"lease","held":true,"holder":"ada"}', { type: "lease", held: true, holder: "ada" }],
    ['{"type":"later"}', null],
    ["no json", null],
  ])("%s", (message, word) => {
    expect(parseWord(message)).toEqual(word);
  });
});
