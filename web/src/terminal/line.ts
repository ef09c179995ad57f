/* The line to a run's terminal: one WebSocket that comes back by itself at the next byte not yet drawn.
   It paces itself: when drawing falls far behind, it hangs up and reads on from that byte once the screen
   has caught up, so that a flood costs neither memory nor a frozen page. It draws nothing itself. */
import { type Frame, parseFrame, parseWord, unseenPart, type Word } from "./frames";

const HIGH_BYTES = 4 * 1024 * 1024;
const LOW_BYTES = 256 * 1024;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** The server's word that this caller, or this run, has no terminal. */
const REFUSED_CODES = [1008, 4001, 4003, 4004];

export type LineState = "connecting" | "live" | "behind" | "lost" | "refused" | "ended";

export interface LineEnds {
  /** Draws a frame and calls back when it is on the screen. */
  draw: (frame: Frame, drawn: () => void) => void;
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
  let undrawn = 0;
  let wait = FIRST_WAIT_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  let isBehind = false;
  let hasEnded = false;

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
        ends.word(word);
        return;
      }
      const frame = parseFrame(data);
      const unseen = frame && unseenPart(frame, next);
      if (!unseen) return;
      next = unseen.offset + unseen.bytes.byteLength;
      undrawn += unseen.bytes.byteLength;
      ends.draw(unseen, () => {
        undrawn -= unseen.bytes.byteLength;
        if (isBehind && undrawn < LOW_BYTES) {
          isBehind = false;
          connect();
        }
      });
      if (undrawn > HIGH_BYTES) {
        isBehind = true;
        socket = null;
        opened.close(1000);
        ends.tell("behind");
      }
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
      clearTimeout(timer);
      socket?.close(1000);
    },
  };
}
