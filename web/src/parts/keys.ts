/* Keys for the whole page: single keys and "g x" sequences, off while somebody types into a field.
   A page says which keys it answers; the last one mounted wins. */
import { useEffect, useRef } from "react";

export type Keymap = Record<string, () => void>;

const maps: { current: Keymap }[] = [];
const SEQUENCE_MS = 1_000;
let prefix = "";
let prefixAt = 0;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));

/** The name under which a keymap knows a key press. */
export function nameOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return event.ctrlKey || event.metaKey ? `Ctrl+${key}` : event.altKey ? `Alt+${key}` : key;
}

function press(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.repeat) return;
  const name = nameOf(event);
  const isChord = name.startsWith("Ctrl+");
  if (!isChord && isTyping(event.target)) return;
  const sequence = prefix && Date.now() - prefixAt < SEQUENCE_MS ? `${prefix} ${name}` : "";
  prefix = "";
  const inDialog = document.querySelector('[role="dialog"]') !== null;
  for (const map of [...maps].reverse()) {
    const action = (sequence && map.current[sequence]) || map.current[name];
    if (!action) continue;
    if (inDialog && !isChord) continue;
    event.preventDefault();
    action();
    return;
  }
  if (name === "g" && !inDialog) {
    prefix = "g";
    prefixAt = Date.now();
  }
}

/** Answers keys while the component is mounted. */
export function useKeys(keymap: Keymap): void {
  const map = useRef(keymap);
  map.current = keymap;
  useEffect(() => {
    if (maps.length === 0) document.addEventListener("keydown", press);
    maps.push(map);
    return () => {
      maps.splice(maps.indexOf(map), 1);
      if (maps.length === 0) document.removeEventListener("keydown", press);
    };
  }, []);
}

/** Moves the focus among the rows of a list: j and k, as in an editor. */
export function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")];
  if (rows.length === 0) return;
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[Math.min(rows.length - 1, Math.max(0, here < 0 ? 0 : here + step))];
  const target = next?.matches("a, button") ? next : next?.querySelector<HTMLElement>("a, button");
  target?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
