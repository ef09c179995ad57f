/* Asks the server and turns every refusal into one error that says what to do next.
   Only this file calls fetch for JSON. It holds no cache and knows no page. */

/** A problem document as RFC 9457 has it, with the server's stable `code` and the next action as `remedy`.
    `approval_id` is what asks anew in the place of what was to be approved. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  remedy: string;
  approval_id?: string;
}

/** A refusal of the server, or its silence, with the next action. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "Refusal";
    this.problem = problem;
  }
}

/** Any thrown thing as a problem document, so that one notice can show all of them. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Refusal) return error.problem;
  return {
    type: "about:blank",
    title: "The page could not show this",
    status: 0,
    detail: error instanceof Error ? error.message : String(error),
    code: "page_error",
    remedy: "Reload the page. If it stays, the words above say where the page and the server disagree.",
  };
}

function silence(path: string): Problem {
  return {
    type: "about:blank",
    title: "The workbench does not answer",
    status: 0,
    detail: `No answer to ${path}. The server may have stopped; runs that were started go on without it.`,
    code: "unreachable",
    remedy: "Run `workbench up` in a terminal. The page goes on by itself.",
  };
}

async function problemOf(answer: Response): Promise<Problem> {
  const fallback: Problem = {
    type: "about:blank",
    title: answer.statusText || `The server answered ${answer.status}`,
    status: answer.status,
    detail: `${answer.url} answered ${answer.status} without saying why.`,
    code: "unexplained",
    remedy: "Look at the output of `workbench up`, then try again.",
  };
  try {
    const body = (await answer.json()) as Partial<Problem>;
    return { ...fallback, ...body, status: answer.status };
  } catch {
    return fallback;
  }
}

export interface Answer<T> {
  body: T;
  nextCursor: string | null;
}

type Question = { method?: string; body?: unknown; headers?: Record<string, string>; signal?: AbortSignal };

/** Asks one address; resolves with body and cursor, or throws a Refusal. */
export async function askWhole<T>(path: string, question: Question = {}): Promise<Answer<T>> {
  const headers: Record<string, string> = { accept: "application/json", ...question.headers };
  const init: RequestInit = { method: question.method ?? "GET", headers, credentials: "same-origin" };
  if (question.signal) init.signal = question.signal;
  if (question.body !== undefined) {
    headers["content-type"] = "application/json";
    init.body = JSON.stringify(question.body);
  }
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch (error) {
    if (question.signal?.aborted) throw error;
    throw new Refusal(silence(path));
  }
  if (!answer.ok) throw new Refusal(await problemOf(answer));
  const body = answer.status === 204 ? undefined : await answer.json();
  return { body: body as T, nextCursor: answer.headers.get("x-next-cursor") };
}

/** Asks one address for its body alone. */
export async function ask<T>(path: string, question: Question = {}): Promise<T> {
  return (await askWhole<T>(path, question)).body;
}

/** An address with its query; empty values are left out. */
export function address(
  path: string,
  query: Record<string, string | number | null | undefined> = {},
): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") words.set(name, String(value));
  }
  const text = words.toString();
  return text ? `${path}?${text}` : path;
}

/** A fresh key under which a repeated request counts once. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
