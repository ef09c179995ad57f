/* How times, durations, sizes, ids and stored words are spoken. Pure; the moment "now" is handed in. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const two = (value: number) => String(value).padStart(2, "0");

/** A duration in milliseconds as 40ms, 1.4s, 12s, 1m 04s, 2h 05m, 3d 4h. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < SECOND) return `${Math.round(ms)}ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m ${two(Math.floor((ms % MINUTE) / SECOND))}s`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)}h ${two(Math.floor((ms % HOUR) / MINUTE))}m`;
  return `${Math.floor(ms / DAY)}d ${Math.floor((ms % DAY) / HOUR)}h`;
}

/** A moment as seen from now: "just now", "4m ago", "in 2h". */
export function relative(at: string, now: number): string {
  const distance = now - Date.parse(at);
  if (Number.isNaN(distance)) return at;
  const size = Math.abs(distance);
  // The server's clock and this one may differ by a little: that is no future.
  if (size < 10 * SECOND) return "just now";
  const words =
    size < MINUTE
      ? `${Math.floor(size / SECOND)}s`
      : size < HOUR
        ? `${Math.floor(size / MINUTE)}m`
        : size < DAY
          ? `${Math.floor(size / HOUR)}h`
          : `${Math.floor(size / DAY)}d`;
  return distance >= 0 ? `${words} ago` : `in ${words}`;
}

/** A size in bytes as 512 B, 1.5 kB, 20 MB. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** A stored word for people: requires_approval -> requires approval. */
export const spoken = (word: string): string => word.replaceAll("_", " ");

/** The first letter large. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** The end of a folder's path, which tells it apart: at most its last two names. */
export function pathEnd(path: string): string {
  const names = path.split("/").filter(Boolean);
  return names.length <= 2 ? path : `…/${names.slice(-2).join("/")}`;
}

/** An id cut to what tells it apart: its prefix and its last six signs. */
export function shortId(id: string): string {
  const [prefix, rest] = id.includes("_")
    ? [id.slice(0, id.indexOf("_") + 1), id.slice(id.indexOf("_") + 1)]
    : ["", id];
  return rest.length <= 8 ? id : `${prefix}${rest.slice(-6)}`;
}

/** One thing, two things. */
export const count = (amount: number, one: string, many = `${one}s`): string =>
  `${amount.toLocaleString("en")} ${amount === 1 ? one : many}`;
