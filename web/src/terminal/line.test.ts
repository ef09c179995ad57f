import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Frame, Word } from "./frames";
import { type Line, type LineState, openLine } from "./line";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** One message as RFC 6455 frames it from a server: 0x1 text, 0x2 binary, 0x8 close. */
function framed(opcode: number, body: Buffer): Buffer {
  const head = Buffer.alloc(body.length < 126 ? 2 : 10);
  head[0] = 0x80 | opcode;
  if (body.length < 126) head[1] = body.length;
  else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, body]);
}

function output(offset: number, bytes: Buffer | string): Buffer {
  const head = Buffer.alloc(13);
  head.writeBigUInt64BE(BigInt(offset), 1);
  return framed(2, Buffer.concat([head, Buffer.from(bytes)]));
}

const word = (value: object) => framed(1, Buffer.from(JSON.stringify(value)));

/** A real server that speaks just enough WebSocket: it hands each accepted connection to the test. */
class TerminalServer {
  readonly offsets: number[] = [];
  private server: Server | undefined;
  private sockets: Socket[] = [];

  async listen(accepted: (socket: Socket, offset: number, count: number) => void): Promise<void> {
    const server = createServer();
    server.on("upgrade", (request, socket: Socket) => {
      const key = createHash("sha1")
        .update(`${request.headers["sec-websocket-key"]}${GUID}`)
        .digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`,
      );
      socket.on("error", () => socket.destroy());
      const offset = Number(new URL(request.url ?? "", "http://x").searchParams.get("offset"));
      this.offsets.push(offset);
      this.sockets.push(socket);
      accepted(socket, offset, this.offsets.length);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.server = server;
    vi.stubGlobal("location", {
      protocol: "http:",
      host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server?.close();
  }
}

let server: TerminalServer;
let line: Line | undefined;

beforeEach(() => {
  server = new TerminalServer();
});

afterEach(() => {
  line?.close();
  server.close();
  vi.unstubAllGlobals();
});

interface Seen {
  text: string;
  skipped: number;
  states: LineState[];
  words: Word[];
}

/** Opens a line from byte 0 and resolves with all it saw once `isThere`. */
function watch(
  isThere: (seen: Seen) => boolean,
  draw: (frame: Frame, drawn: () => void) => void = (_frame, drawn) => drawn(),
): Promise<Seen> {
  const seen: Seen = { text: "", skipped: 0, states: [], words: [] };
  return new Promise((resolve) => {
    const look = () => isThere(seen) && resolve(seen);
    line = openLine("run_1", 0, {
      draw: (frame, drawn) => {
        seen.text += new TextDecoder().decode(frame.bytes);
        draw(frame, drawn);
        look();
      },
      skip: (bytes) => {
        seen.skipped += bytes;
      },
      tell: (state) => {
        seen.states.push(state);
        look();
      },
      word: (said) => {
        seen.words.push(said);
        look();
      },
    });
  });
}

const ENDED = { type: "ended", exit_code: 0, end_reason: "exited", offset: 9 };

describe("the line to a terminal", () => {
  it("comes back at the next byte after a cut, and draws no byte twice", async () => {
    await server.listen((socket, _offset, count) => {
      if (count === 1) socket.write(output(0, "abc"), () => socket.end(output(3, "de")));
      else socket.write(Buffer.concat([output(3, "defg"), output(7, "hi"), word(ENDED)]));
    });
    const seen = await watch(({ states }) => states.includes("ended"));
    expect(seen.text).toBe("abcdefghi");
    expect(server.offsets).toEqual([0, 5]);
    expect(seen.states).toEqual(["connecting", "live", "lost", "connecting", "live", "ended"]);
  });

  it("gives the keyboard back when the line is cut and when the run ends", async () => {
    await server.listen((socket, _offset, count) => {
      socket.write(word({ type: "lease", held: true, holder: "ada" }));
      if (count === 1) socket.end();
      else socket.write(word(ENDED));
    });
    const seen = await watch(({ words }) => words.some(({ type }) => type === "ended"));
    expect(seen.words.map((said) => (said.type === "lease" ? said.held : said.type))).toEqual([
      true,
      false,
      true,
      false,
      "ended",
    ]);
  });

  it("skips whole lines when drawing falls far behind, says how much, and draws the end", async () => {
    const part = Buffer.from(`${"x".repeat(1023)}\n`.repeat(1024));
    const total = 48 * part.length + 8;
    let isReady = false;
    await server.listen((socket) => {
      for (let at = 0; at < total - 8; at += part.length) socket.write(output(at, part));
      socket.write(Buffer.concat([output(total - 8, "the end\n"), word(ENDED)]));
    });
    // A screen that draws nothing until all has arrived.
    const held: (() => void)[] = [];
    let drawing = 0;
    let most = 0;
    const release = () => {
      for (const each of held.splice(0)) each();
    };
    const seen = await watch(
      ({ text, states }) => {
        if (states.includes("ended") && !isReady) {
          isReady = true;
          setImmediate(release);
        }
        return text.endsWith("the end\n");
      },
      (frame, drawn) => {
        drawing += frame.bytes.byteLength;
        most = Math.max(most, drawing);
        held.push(() => {
          drawing -= frame.bytes.byteLength;
          drawn();
        });
        if (isReady) setImmediate(release);
      },
    );
    expect(seen.skipped).toBeGreaterThan(0);
    expect(seen.text.length + seen.skipped).toBe(total);
    expect(seen.text.split("\n").every((each) => ["x".repeat(1023), "the end", ""].includes(each))).toBe(
      true,
    );
    expect(most).toBeLessThanOrEqual(2 * part.length);
  });

  it("skips nothing when drawing keeps up", async () => {
    const part = Buffer.alloc(256 * 1024, "x");
    const total = 96 * part.length;
    await server.listen((socket) => {
      for (let at = 0; at < total; at += part.length) socket.write(output(at, part));
      socket.write(word({ ...ENDED, offset: total }));
    });
    const seen = await watch(({ states }) => states.includes("ended"));
    expect(seen.text.length).toBe(total);
    expect(seen.skipped).toBe(0);
  });

  it("says where output was not kept, and goes on behind it", async () => {
    await server.listen((socket, _offset, count) => {
      if (count > 1) {
        socket.write(word({ ...ENDED, offset: 1_010 }));
        return;
      }
      socket.write(output(0, "head"));
      socket.write(word({ type: "gap", offset: 4, bytes: 1_000 }));
      socket.write(output(1_004, "tail"));
      setImmediate(() => socket.destroy());
    });
    const seen = await watch(({ states }) => states.includes("ended"));
    expect(seen.text.startsWith("head")).toBe(true);
    expect(seen.text).toContain("1.0 kB of output were not kept");
    expect(seen.text.endsWith("tail")).toBe(true);
    expect(server.offsets).toEqual([0, 1_008]);
  });

  it("stops when the server says that there is nothing here for the caller", async () => {
    await server.listen((socket) => {
      socket.end(framed(8, Buffer.from([4004 >> 8, 4004 & 255])));
    });
    const seen = await watch(({ states }) => states.includes("refused"));
    expect(server.offsets).toEqual([0]);
    expect(seen.text).toBe("");
  });
});
