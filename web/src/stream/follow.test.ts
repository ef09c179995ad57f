import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { follow } from "./follow";
import { newView, reduce, type View } from "./view";

const message = (seq: number) =>
  `id: ${seq}\nevent: ledger\ndata: ${JSON.stringify({
    seq,
    project_id: "p",
    run_id: "run_1",
    step_id: null,
    tag: "run:started",
    actor: "ada",
    at: "",
    payload: { status: "running" },
    leaf_hash: "",
  })}\n\n`;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const servers: Server[] = [];
const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A real server that answers each connection with the next answer, the last one over and over. */
async function serve(...answers: Answer[]): Promise<string> {
  let count = 0;
  const server = createServer((request, response) => {
    answers[Math.min(count, answers.length - 1)]?.(request, response);
    count += 1;
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`;
}

/** Follows until the view is what is waited for. */
function until(address: string, isThere: (view: View) => boolean): Promise<View> {
  const stop = new AbortController();
  stops.push(stop);
  return new Promise((resolve) => {
    let view = newView();
    void follow({
      address: () => address,
      after: null,
      signal: stop.signal,
      tell: (news) => {
        view = reduce(view, news);
        if (!isThere(view)) return;
        stop.abort();
        resolve(view);
      },
    });
  });
}

const open: Answer = (_request, response) => response.writeHead(200, { "content-type": "text/event-stream" });

describe("following a stream", () => {
  it("comes back after a cut connection, from the last id, with no event lost or doubled", async () => {
    const asked: (string | undefined)[] = [];
    const address = await serve(
      (request, response) => {
        asked.push(request.headers["last-event-id"] as string | undefined);
        open(request, response);
        response.write(message(1) + message(2) + message(3).slice(0, 30), () => response.destroy());
      },
      (request, response) => {
        asked.push(request.headers["last-event-id"] as string | undefined);
        open(request, response);
        response.write(message(2) + message(3));
      },
    );
    const view = await until(address, ({ lastSeq }) => lastSeq === 3);
    expect(asked).toEqual([undefined, "2"]);
    expect(view.recent.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  it("comes back after a server that is starting answers with an error", async () => {
    const address = await serve(
      (_request, response) => response.writeHead(503).end(),
      (request, response) => {
        open(request, response);
        response.write(message(1));
      },
    );
    const view = await until(address, ({ lastSeq }) => lastSeq === 1);
    expect(view.link).toBe("live");
  });

  it("stops at a refusal instead of knocking on", async () => {
    const address = await serve((_request, response) => response.writeHead(401).end());
    const view = await until(address, ({ link }) => link === "refused");
    expect(view.connections).toBe(0);
  });
});
