import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openReplay, partFrom, type Replay, type ReplayState } from "./replay";

const HEAD = { version: 2, width: 80, height: 24 };

/** A real server that answers with the events from the moment asked for, and notes what was asked. */
class Recording {
  readonly asked: string[] = [];
  answer: (fromMs: number) => unknown[] | null = () => [];
  private server: Server | undefined;

  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? "", "http://x");
      this.asked.push(url.search);
      const events = this.answer(Number(url.searchParams.get("from_ms") ?? 0));
      if (!events) {
        response.writeHead(410, { "content-type": "application/problem+json" });
        response.end(JSON.stringify({ detail: "it was removed" }));
        return;
      }
      response.end([HEAD, ...events].map((each) => `${JSON.stringify(each)}\n`).join(""));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.server = server;
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const plain = globalThis.fetch;
    vi.stubGlobal("fetch", (path: string, options: RequestInit) => plain(base + path, options));
  }

  close(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }
}

describe("a replay", () => {
  let recording: Recording;
  let replay: Replay | undefined;
  let screen = "";
  let states: ReplayState[] = [];

  beforeEach(async () => {
    recording = new Recording();
    await recording.listen();
    screen = "";
    states = [];
  });
  afterEach(() => {
    replay?.close();
    recording.close();
    vi.unstubAllGlobals();
  });

  const open = (durationMs: number) =>
    openReplay("run_1", durationMs, {
      draw: (text, drawn) => {
        screen += text;
        drawn();
      },
      clear: () => {
        screen = "";
      },
      tell: (state) => states.push(state),
    });

  it("draws what came, in its time, and ends", async () => {
    recording.answer = () => [
      [0, "o", "one "],
      [40, "m", "5 bytes of output missing here"],
      [90, "o", "two"],
    ];
    replay = open(90_000);
    replay.seek(0);
    await vi.waitFor(() => expect(screen).toBe("one "));
    replay.setSpeed(1_000);
    replay.play();
    await vi.waitFor(() => expect(states.at(-1)?.hasEnded).toBe(true), 5_000);
    expect(screen).toContain("… 5 bytes of output missing here …");
    expect(screen.endsWith("two")).toBe(true);
    expect(states.at(-1)).toEqual({ atMs: 90_000, isPlaying: false, hasEnded: true, problem: "" });
    expect(recording.asked).toEqual(["?format=asciicast"]);
  });

  it("asks only for the part from a new place on, and shows what stood there at once", async () => {
    recording.answer = (fromMs) =>
      fromMs
        ? [
            [49, "o", "before "],
            [50, "o", "at "],
            [80, "o", "after"],
          ]
        : [[0, "o", "the beginning"]];
    replay = open(100_000);
    replay.seek(50_000);
    await vi.waitFor(() => expect(screen).toBe("before at "));
    expect(recording.asked).toEqual(["?format=asciicast&from_ms=50000&lead_bytes=262144"]);
    expect(states.at(-1)).toMatchObject({ atMs: 50_000, isPlaying: false });
    replay.setSpeed(1_000);
    replay.play();
    await vi.waitFor(() => expect(screen).toBe("before at after"), 5_000);
    replay.seek(0);
    await vi.waitFor(() => expect(screen).toBe("the beginning"));
  });

  it("says why there is nothing to play", async () => {
    recording.answer = () => null;
    replay = open(1_000);
    replay.play();
    await vi.waitFor(() => expect(states.at(-1)?.problem).toBe("it was removed"));
    expect(states.at(-1)?.isPlaying).toBe(false);
  });

  it("names the run and the moment as the server takes them", () => {
    expect(partFrom("run/1", 0)).toBe("/api/runs/run%2F1/transcript?format=asciicast");
    expect(partFrom("run_1", 12.7)).toContain("&from_ms=12&");
  });
});
