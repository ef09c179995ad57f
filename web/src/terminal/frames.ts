/* Reads the binary frames of a run's output, and keeps each byte exactly once across reconnects. Pure.
   Frame: u8 stream, u64 big-endian offset of its first byte, u32 big-endian milliseconds, then the bytes. */

import { size } from "../parts/words";

export type Stream = "terminal" | "stdout" | "stderr";

const STREAMS: readonly Stream[] = ["terminal", "stdout", "stderr"];
const HEAD_BYTES = 13;

export interface Frame {
  stream: Stream;
  offset: number;
  atMs: number;
  bytes: Uint8Array;
}

/** The frame in a message, or null when it is none. */
export function parseFrame(message: ArrayBuffer): Frame | null {
  if (message.byteLength < HEAD_BYTES) return null;
  const head = new DataView(message);
  const stream = STREAMS[head.getUint8(0)];
  if (!stream) return null;
  return {
    stream,
    offset: Number(head.getBigUint64(1)),
    atMs: head.getUint32(9),
    bytes: new Uint8Array(message, HEAD_BYTES),
  };
}

/** The part of a frame that lies at or behind `next`; null when all of it is known already. */
export function unseenPart(frame: Frame, next: number): Frame | null {
  const known = next - frame.offset;
  if (known <= 0) return frame;
  if (known >= frame.bytes.byteLength) return null;
  return { ...frame, offset: next, bytes: frame.bytes.subarray(known) };
}

/** What a page draws where the server says that output was not kept. */
export function gapFrame(offset: number, atMs: number, bytes: number): Frame {
  const words = `\x1b[0m\r\n\x1b[2m… ${size(bytes)} of output were not kept …\x1b[0m\r\n`;
  return { stream: "terminal", offset, atMs, bytes: new TextEncoder().encode(words) };
}

export type Word =
  | { type: "ended"; exit_code: number | null; end_reason: string | null; offset: number }
  | { type: "lease"; held: boolean; holder: string | null }
  | { type: "gap"; offset: number; bytes: number }
  | { type: "removed"; why: string }
  | { type: "input_wanted"; since: string | null }
  | { type: "waiting"; why: string };

const WORDS: readonly Word["type"][] = ["ended", "lease", "gap", "removed", "input_wanted", "waiting"];

/** The text message of the server, or null for one this page does not know. */
export function parseWord(message: string): Word | null {
  try {
    const word = JSON.parse(message) as { type?: unknown };
    return WORDS.includes(word.type as Word["type"]) ? (word as Word) : null;
  } catch {
    return null;
  }
}
