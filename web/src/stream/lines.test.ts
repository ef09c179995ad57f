import { describe, expect, it } from "vitest";
import { type Message, newReader, readPiece } from "./lines";

const read = (...pieces: string[]): Message[] => {
  let reader = newReader();
  const all: Message[] = [];
  for (const piece of pieces) {
    const [next, messages] = readPiece(reader, piece);
    reader = next;
    all.push(...messages);
  }
  return all;
};

const STREAM = ': hello\n\nid: 7\nevent: ledger\ndata: {"a":1}\n\nid: 8\r\ndata: one\r\ndata: two\r\n\r\n';

describe("server-sent events", () => {
  it("are read whole", () => {
    expect(read(STREAM)).toEqual([
      { id: "7", event: "ledger", data: '{"a":1}' },
      { id: "8", event: "message", data: "one\ntwo" },
    ]);
  });

  it("are the same however the bytes were cut", () => {
    for (let cut = 1; cut < STREAM.length; cut += 1)
      expect(read(STREAM.slice(0, cut), STREAM.slice(cut))).toEqual(read(STREAM));
    expect(read(...STREAM)).toEqual(read(STREAM));
  });

  it("wait for their empty line", () => {
    expect(read("id: 1\ndata: half")).toEqual([]);
    expect(read("id: 1\ndata: half", "\n", "\n")).toHaveLength(1);
  });

  it("carry the last id on, and drop a message without data", () => {
    expect(read("id: 3\n\ndata: x\n\n")).toEqual([{ id: "3", event: "message", data: "x" }]);
  });
});
