/* Times that keep telling the truth while the page is open. One clock for the whole page. */
import { useSyncExternalStore } from "react";
import { duration, relative } from "./words";

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) now = Date.now();
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The present moment in milliseconds, to the second. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

const WHOLE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });

/** A moment: relative, with the absolute time on hover. */
export function When({ at }: { at: string }) {
  const moment = useNow();
  const date = new Date(at);
  return (
    <time dateTime={at} title={Number.isNaN(date.getTime()) ? at : WHOLE.format(date)}>
      {relative(at, moment)}
    </time>
  );
}

/** How long something took, or takes so far. */
export function Elapsed({ from, to }: { from: string | null; to: string | null }) {
  const moment = useNow();
  if (!from) return <span className="quiet">not started</span>;
  const end = to ? Date.parse(to) : Math.max(moment, Date.parse(from));
  return <span className="number">{duration(end - Date.parse(from))}</span>;
}

const MOMENT = /(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)/;
const SHORT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** A sentence of the server, its moments in the reader's own time. */
export function Sentence({ text }: { text: string }) {
  return text.split(MOMENT).map((part, index) =>
    index % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: a part's place in the sentence is its identity.
      <time key={index} dateTime={part} title={part}>
        {SHORT.format(new Date(part))}
      </time>
    ) : (
      part
    ),
  );
}
