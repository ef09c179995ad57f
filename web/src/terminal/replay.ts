/* Plays a run's recording: from any moment, at any speed, and never more of it in memory than is on its way.
   A seek asks the server for the part from there on, with a little of what came before it for the screen.
   What is not played yet waits on the line, unread. It draws nothing itself. */

/** What is drawn at once at a new place: enough for a full screen of almost any program. */
const LEAD_BYTES = 256 * 1024;
const TICK_MS = 50;

export interface ReplayState {
  atMs: number;
  isPlaying: boolean;
  hasEnded: boolean;
  problem: string;
}

export interface ReplayEnds {
  /** Draws text and calls back when it is on the screen. */
  draw: (text: string, drawn: () => void) => void;
  /** Begins with an empty screen. */
  clear: () => void;
  tell: (state: ReplayState) => void;
}

export interface Replay {
  play: () => void;
  pause: () => void;
  seek: (atMs: number) => void;
  setSpeed: (speed: number) => void;
  close: () => void;
}

type Event = [seconds: number, code: string, text: string];

/** The address of the part that is played from a moment on. */
export function partFrom(runId: string, atMs: number): string {
  const from = Math.max(0, Math.floor(atMs));
  const span = from > 0 ? `&from_ms=${from}&lead_bytes=${LEAD_BYTES}` : "";
  return `/api/runs/${encodeURIComponent(runId)}/transcript?format=asciicast${span}`;
}

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Event> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  let isHead = true;
  try {
    while (true) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (!isHead && line) yield JSON.parse(line) as Event;
        isHead = false;
      }
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Opens the recording of a run that has ended, at its beginning, and waits there. */
export function openReplay(runId: string, durationMs: number, ends: ReplayEnds): Replay {
  let round = 0;
  let speed = 1;
  let isPlaying = false;
  let hasEnded = false;
  let problem = "";
  let fromMs = 0;
  let since = performance.now();
  let asking: AbortController | null = null;
  let isClosed = false;

  const position = () =>
    Math.min(durationMs, isPlaying ? fromMs + (performance.now() - since) * speed : fromMs);
  const settle = () => {
    fromMs = position();
    since = performance.now();
  };
  const tell = () => {
    if (!isClosed) ends.tell({ atMs: position(), isPlaying, hasEnded, problem });
  };
  const tick = () => new Promise<void>((resolve) => setTimeout(resolve, TICK_MS));
  const draw = (text: string) => new Promise<void>((resolve) => ends.draw(text, resolve));

  const run = async (startMs: number) => {
    round += 1;
    const mine = round;
    const isOver = () => isClosed || mine !== round;
    asking?.abort();
    asking = new AbortController();
    ends.clear();
    try {
      const answer = await fetch(partFrom(runId, startMs), { signal: asking.signal });
      if (!answer.ok || !answer.body) {
        const told = (await answer.json().catch(() => null)) as { detail?: string } | null;
        throw new Error(told?.detail ?? `the server answered ${answer.status}`);
      }
      for await (const [seconds, code, text] of eventsOf(answer.body)) {
        while (!isOver() && seconds * 1_000 > Math.max(startMs, position())) {
          await tick();
          tell();
        }
        if (isOver()) return;
        if (code === "o") await draw(text);
        else if (code === "m") await draw(`\r\n\x1b[0m\x1b[2m… ${text} …\x1b[0m\r\n`);
      }
      while (!isOver() && position() < durationMs) {
        await tick();
        tell();
      }
      if (isOver()) return;
      settle();
      isPlaying = false;
      hasEnded = true;
    } catch (error) {
      if (isOver()) return;
      settle();
      isPlaying = false;
      problem = error instanceof Error ? error.message : String(error);
    }
    tell();
  };

  const seek = (atMs: number) => {
    fromMs = Math.min(Math.max(0, atMs), durationMs);
    since = performance.now();
    hasEnded = false;
    problem = "";
    tell();
    void run(fromMs);
  };

  return {
    play: () => {
      if (hasEnded || problem) seek(hasEnded ? 0 : fromMs);
      settle();
      isPlaying = true;
      tell();
      if (round === 0) void run(fromMs);
    },
    pause: () => {
      settle();
      isPlaying = false;
      tell();
    },
    seek,
    setSpeed: (next) => {
      settle();
      speed = next;
      tell();
    },
    close: () => {
      isClosed = true;
      asking?.abort();
    },
  };
}
