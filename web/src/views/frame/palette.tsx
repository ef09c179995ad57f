/* The command palette (Ctrl+K): every page, feature, and recent run by name. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Dialog } from "radix-ui";
import { useMemo, useRef, useState } from "react";
import { visible } from "../../parts/visible";
import { spoken } from "../../parts/words";
import { featuresQuery, runsQuery } from "../../wire/queries";
import { useHere } from "./here";
import { usePlaces } from "./rail";

interface Entry {
  key: string;
  kind: string;
  name: string;
  hint: string;
  to: string;
}

const MOST = 12;

/** Whether each word of the question stands somewhere in the text. */
export const matches = (text: string, question: string): boolean =>
  question
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.toLowerCase().includes(word));

export function Palette({ close, ask }: { close: () => void; ask: () => void }) {
  const { projectId } = useHere();
  const navigate = useNavigate();
  const places = usePlaces();
  const features = useQuery(featuresQuery(projectId));
  const runs = useInfiniteQuery(runsQuery(projectId));
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);

  const entries = useMemo(() => {
    const of = (page: string) => `/p/${encodeURIComponent(projectId)}/${page}`;
    const all: Entry[] = [
      ...places.map(({ name, to }) => ({ key: `place:${name}`, kind: "Go to", name, hint: "", to })),
      ...(projectId ? [{ key: "ask", kind: "Do", name: "Start a command…", hint: "", to: "" }] : []),
      ...(features.data ?? []).map((feature) => ({
        key: feature.feature_id,
        kind: "Feature",
        name: feature.title,
        hint: spoken(feature.inferred_status),
        to: of(`features/${encodeURIComponent(feature.feature_id)}`),
      })),
      ...(runs.data?.pages ?? []).flatMap(({ body }) =>
        body.map((run) => ({
          key: run.run_id,
          kind: "Run",
          name: visible(run.command),
          hint: run.status,
          to: of(`runs/${run.run_id}`),
        })),
      ),
    ];
    const question = words.trim();
    return all
      .filter((entry) => matches(`${entry.kind} ${entry.name} ${entry.key}`, question))
      .slice(0, MOST);
  }, [words, places, features.data, runs.data, projectId]);

  const chosen = Math.min(at, Math.max(0, entries.length - 1));
  const open = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    if (entry.key === "ask") ask();
    else void navigate({ to: entry.to });
  };

  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="veil" />
        <Dialog.Content className="dialog palette" aria-describedby={undefined}>
          <Dialog.Title className="unseen">Go anywhere</Dialog.Title>
          <input
            type="text"
            role="combobox"
            aria-label="Go to a page, a feature or a run"
            aria-expanded="true"
            aria-controls="palette-list"
            aria-activedescendant={entries[chosen] ? `palette-${chosen}` : undefined}
            placeholder="Go to a page, a feature or a run"
            value={words}
            onChange={(event) => {
              setWords(event.target.value);
              setAt(0);
            }}
            onKeyDown={(event) => {
              const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
              if (step !== 0) {
                event.preventDefault();
                setAt((chosen + step + entries.length) % Math.max(1, entries.length));
              }
              if (event.key === "Enter") {
                event.preventDefault();
                open(entries[chosen]);
              }
            }}
          />
          <div id="palette-list" role="listbox" aria-label="Places" ref={list} className="palette-list">
            {entries.map((entry, index) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the field above moves and opens with the keys.
              <div
                key={entry.key}
                id={`palette-${index}`}
                role="option"
                tabIndex={-1}
                aria-selected={index === chosen}
                className="palette-entry"
                onPointerMove={() => setAt(index)}
                onClick={() => open(entry)}
              >
                <span className="quiet">{entry.kind}</span>
                <span className={entry.kind === "Run" ? "mono cut" : "cut"}>{entry.name}</span>
                <span className="quiet">{entry.hint}</span>
              </div>
            ))}
            {entries.length === 0 && <p className="empty">Nothing is called that.</p>}
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
