/* Follows one event stream for as long as it is wanted: connects, reads, and connects again from the last
   id it saw, also after the server was started anew. It keeps no view; it hands on news. */
import type { EventOut } from "../wire/schema";
import { newReader, readPiece } from "./lines";
import type { News } from "./view";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** Longer than the server's keep-alive: a silent connection is a dead one. */
const SILENCE_MS = 60_000;

export interface Following {
  /** The address for a stream after this sequence number; null asks from the stream's own beginning. */
  address: (after: number | null) => string;
  after: number | null;
  tell: (news: News) => void;
  signal: AbortSignal;
}

const sleep = (milliseconds: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    globalThis.addEventListener?.("online", done);
    signal.addEventListener("abort", done);
  });

/** Follows until the signal aborts or the server refuses the caller (401, 403). */
export async function follow(following: Following): Promise<void> {
  const { tell, signal } = following;
  let after = following.after;
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener("abort", stop);
    let silence = setTimeout(stop, SILENCE_MS);
    try {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (after !== null) headers["last-event-id"] = String(after);
      const answer = await fetch(following.address(after), {
        headers,
        credentials: "same-origin",
        cache: "no-store",
        signal: attempt.signal,
      });
      if (answer.status === 401 || answer.status === 403) {
        tell({ kind: "refused" });
        return;
      }
      if (answer.ok && answer.body) {
        tell({ kind: "opened", resumed: after !== null });
        wait = FIRST_WAIT_MS;
        const decoder = new TextDecoder();
        const source = answer.body.getReader();
        let reader = newReader();
        for (;;) {
          const { value, done } = await source.read();
          if (done) break;
          clearTimeout(silence);
          silence = setTimeout(stop, SILENCE_MS);
          const [next, messages] = readPiece(reader, decoder.decode(value, { stream: true }));
          reader = next;
          const events: EventOut[] = [];
          for (const message of messages) {
            if (message.event !== "ledger") continue;
            const event = JSON.parse(message.data) as EventOut;
            events.push(event);
            after = Math.max(after ?? 0, event.seq);
          }
          if (events.length > 0) tell({ kind: "events", events });
        }
      }
    } catch {
      // A broken connection and a broken message end the same way: from the last good id, again.
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
      attempt.abort();
    }
    if (signal.aborted) return;
    tell({ kind: "lost" });
    await sleep(wait * (0.75 + Math.random() / 2), signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}
