/* The bar under a replayed terminal: play and pause, where it is, and how fast. */
import { Pause, Play, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { duration } from "../parts/words";
import { ask, asProblem } from "../wire/ask";
import type { ExtentOut } from "../wire/schema";
import { openReplay, type Replay, type ReplayState } from "./replay";
import type { Screen } from "./screen";

const SPEEDS = [0.5, 1, 2, 5, 20] as const;
const STEP_MS = 5_000;

export interface PlayerProps {
  runId: string;
  screen: () => Screen | null;
  leave: () => void;
}

export function Player({ runId, screen, leave }: PlayerProps) {
  const replay = useRef<Replay | null>(null);
  const [extent, setExtent] = useState<ExtentOut | null>(null);
  const [state, setState] = useState<ReplayState>({
    atMs: 0,
    isPlaying: false,
    hasEnded: false,
    problem: "",
  });
  const [speed, setSpeed] = useState(1);

  useEffect(() => {
    let isGone = false;
    ask<ExtentOut>(`/api/runs/${encodeURIComponent(runId)}/extent`).then(
      (found) => {
        if (isGone) return;
        setExtent(found);
        replay.current = openReplay(runId, found.duration_ms, {
          draw: (text, drawn) => {
            const bytes = new TextEncoder().encode(text);
            const opened = screen();
            if (opened) opened.write({ stream: "terminal", offset: 0, atMs: 0, bytes }, drawn);
            else drawn();
          },
          clear: () => screen()?.restart("replay"),
          tell: setState,
        });
        replay.current.play();
      },
      (error) => setState((before) => ({ ...before, problem: asProblem(error).detail })),
    );
    return () => {
      isGone = true;
      replay.current?.close();
      replay.current = null;
    };
  }, [runId, screen]);

  const total = extent?.duration_ms ?? 0;
  return (
    <fieldset className="terminal-player">
      <legend className="unseen">Replay</legend>
      <button
        type="button"
        className="icon-button"
        aria-label={state.isPlaying ? "Pause" : "Play"}
        title={state.isPlaying ? "Pause" : "Play"}
        onClick={() => (state.isPlaying ? replay.current?.pause() : replay.current?.play())}
      >
        {state.isPlaying ? <Pause aria-hidden /> : <Play aria-hidden />}
      </button>
      <input
        type="range"
        aria-label="Moment of the replay"
        aria-valuetext={`${duration(state.atMs)} of ${duration(total)}`}
        min={0}
        max={Math.max(1, total)}
        step={Math.max(1, Math.min(STEP_MS, Math.floor(total / 100)))}
        value={Math.round(state.atMs)}
        onChange={(event) => replay.current?.seek(Number(event.target.value))}
      />
      <span className="quiet">{state.problem || `${duration(state.atMs)} of ${duration(total)}`}</span>
      <select
        aria-label="Speed"
        value={speed}
        onChange={(event) => {
          const next = Number(event.target.value);
          setSpeed(next);
          replay.current?.setSpeed(next);
        }}
      >
        {SPEEDS.map((each) => (
          <option key={each} value={each}>
            {each}×
          </option>
        ))}
      </select>
      <button type="button" className="icon-button" aria-label="Leave the replay" onClick={leave}>
        <X aria-hidden />
      </button>
    </fieldset>
  );
}
