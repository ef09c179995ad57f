/* The line to a run's terminal: one WebSocket that comes back by itself at the next byte not yet drawn.
   It hands the screen no more than it can draw at once. When the screen falls far behind, the oldest bytes
   that wait are skipped, and said to be: they are more than the screen keeps anyway, and the transcript has
   them all. So a flood costs neither memory nor a frozen page. It draws nothing itself. */
import { type Frame, gapFrame, parseFrame, parseWord, unseenPart, type Word } from "./frames";

/** About half of what a screen draws between two pictures: the other half of the time is for receiving. */
const DRAWN_AT_ONCE_BYTES = 64 * 1024;
const MOST_WAITING_BYTES = 4 * 1024 * 1024;
const KEPT_BYTES = 2 * 1024 * 1024;
/** While a flood arrives, the screen shows a glimpse of it now and then: drawing it all would hold it up. */
const FLOOD_BYTES = 1024 * 1024;
const FLOOD_PAUSE_MS = 30;
const GLIMPSE_MS = 100;
const NEWLINE = 0x0a;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** The server's word that this caller, or this run, has no terminal. */
const REFUSED_CODES = [1008, 4001, 4003, 4004, 4022];

export type LineState = "connecting" | "live" | "lost" | "refused" | "ended";

export interface LineEnds {
  /** Draws a frame and calls back when it is on the screen. */
  draw: (frame: Frame, drawn: () => void) => void;
  /** Says, before the next frame, that so many bytes before it are not drawn. */
  skip: (bytes: number) => void;
  tell: (state: LineState) => void;
  word: (word: Word) => void;
}

export interface Line {
  send: (bytes: Uint8Array<ArrayBuffer>) => void;
  say: (word: object) => void;
  close: () => void;
}

/** Opens the line to a run from a byte offset. */
export function openLine(runId: string, from: number, ends: LineEnds): Line {
  let socket: WebSocket | null = null;
  let next = from;
  let waiting: Frame[] = [];
  let waitingBytes = 0;
  let drawingBytes = 0;
  let skippedBytes = 0;
  let arrivedAt = 0;
  let isPausing = false;
  let wait = FIRST_WAIT_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  let hasEnded = false;

  const drawMore = () => {
    while (drawingBytes < DRAWN_AT_ONCE_BYTES && !isPausing && !isClosed) {
      const frame = waiting.shift();
      if (!frame) return;
      const size = frame.bytes.byteLength;
      waitingBytes -= size;
      drawingBytes += size;
      if (skippedBytes > 0) ends.skip(skippedBytes);
      skippedBytes = 0;
      ends.draw(frame, () => {
        drawingBytes -= size;
        const isFlood = waitingBytes > FLOOD_BYTES && performance.now() - arrivedAt < FLOOD_PAUSE_MS;
        if (!isFlood) {
          drawMore();
          return;
        }
        isPausing = true;
        setTimeout(() => {
          isPausing = false;
          drawMore();
        }, GLIMPSE_MS);
      });
    }
  };

  /** Lets the oldest waiting frames go, and begins at a line's start. */
  const skipOldest = () => {
    const all = waitingBytes;
    while (waitingBytes > KEPT_BYTES) waitingBytes -= waiting.shift()?.bytes.byteLength ?? waitingBytes;
    const first = waiting[0];
    const cut = first ? first.bytes.indexOf(NEWLINE) + 1 : 0;
    if (first && cut > 0) {
      waiting[0] = { ...first, offset: first.offset + cut, bytes: first.bytes.subarray(cut) };
      waitingBytes -= cut;
    }
    skippedBytes += all - waitingBytes;
  };

  const take = (frame: Frame) => {
    arrivedAt = performance.now();
    waiting.push(frame);
    waitingBytes += frame.bytes.byteLength;
    if (waitingBytes > MOST_WAITING_BYTES) skipOldest();
    drawMore();
  };

  const connect = () => {
    if (isClosed) return;
    ends.tell("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const opened = new WebSocket(
      `${scheme}://${location.host}/api/runs/${encodeURIComponent(runId)}/terminal?offset=${next}`,
    );
    opened.binaryType = "arraybuffer";
    socket = opened;
    opened.onopen = () => {
      wait = FIRST_WAIT_MS;
      ends.tell("live");
    };
    opened.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== opened) return;
      if (typeof data === "string") {
        const word = parseWord(data);
        if (!word) return;
        if (word.type === "ended") {
          hasEnded = true;
          ends.word({ type: "lease", held: false, holder: null });
          ends.tell("ended");
        }
        if (word.type === "gap") {
          // What lies behind it goes on at its own place in the whole output.
          next = word.offset + word.bytes;
          take(gapFrame(word.offset, 0, word.bytes));
          return;
        }
        ends.word(word);
        return;
      }
      const frame = parseFrame(data);
      const unseen = frame && unseenPart(frame, next);
      if (!unseen) return;
      next = unseen.offset + unseen.bytes.byteLength;
      take(unseen);
    };
    opened.onclose = ({ code }) => {
      if (socket !== opened || isClosed || hasEnded) return;
      socket = null;
      ends.word({ type: "lease", held: false, holder: null });
      if (REFUSED_CODES.includes(code)) {
        ends.tell("refused");
        return;
      }
      ends.tell("lost");
      timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
  };

  const isOpen = () => socket !== null && socket.readyState === WebSocket.OPEN;
  connect();
  return {
    send: (bytes) => {
      if (isOpen()) socket?.send(bytes);
    },
    say: (word) => {
      if (isOpen()) socket?.send(JSON.stringify(word));
    },
    close: () => {
      isClosed = true;
      waiting = [];
      clearTimeout(timer);
      socket?.close(1000);
    },
  };
}
