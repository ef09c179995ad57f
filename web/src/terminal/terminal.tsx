/* A run's terminal: the live output, its toolbar, and typing under the lease.
   Output is only drawn. What is typed leaves only while this page holds the lease. */
import {
  ArrowDownToLine,
  ChevronDown,
  ChevronUp,
  Copy,
  Download,
  History,
  Keyboard,
  Search,
  WrapText,
} from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useCallback, useEffect, useRef, useState } from "react";
import { useShade } from "../parts/theme";
import { When } from "../parts/time";
import { size } from "../parts/words";
import { coloursFor, marksFor } from "./colours";
import type { Frame, Stream } from "./frames";
import { type Line, type LineState, openLine } from "./line";
import { Player } from "./player";
import { openScreen, type Screen } from "./screen";

const LINE_WORDS: Record<LineState, string> = {
  connecting: "connecting",
  live: "live",
  lost: "connection lost, coming back",
  refused: "no terminal for this run",
  ended: "ended",
};

type Shown = "all" | Stream;

export interface TerminalProps {
  runId: string;
  mode: string;
  mayType: boolean;
}

export default function RunTerminal({ runId, mode, mayType }: TerminalProps) {
  const shade = useShade();
  const place = useRef<HTMLDivElement>(null);
  const screen = useRef<Screen | null>(null);
  const line = useRef<Line | null>(null);
  const holds = useRef(false);
  const shownRef = useRef<Shown>("all");
  const [shown, setShown] = useState<Shown>("all");
  const [state, setState] = useState<LineState>("connecting");
  const [waiting, setWaiting] = useState("");
  const [replays, setReplays] = useState(false);
  const [wanted, setWanted] = useState<string | null>(null);
  const [gone, setGone] = useState("");
  const [holder, setHolder] = useState<string | null>(null);
  const [hasLease, setHasLease] = useState(false);
  const [follows, setFollows] = useState(true);
  const [wraps, setWraps] = useState(true);
  const [searches, setSearches] = useState(false);
  const [words, setWords] = useState("");
  const [found, setFound] = useState<{ index: number; count: number }>({ index: -1, count: 0 });
  const [copied, setCopied] = useState("");
  const [link, setLink] = useState<string | null>(null);
  const [isEmpty, setIsEmpty] = useState(true);
  const wrapsRef = useRef(wraps);
  wrapsRef.current = wraps;

  const refit = useCallback(() => {
    const sizes = screen.current?.fit(wrapsRef.current);
    if (sizes && holds.current) line.current?.say({ type: "resize", ...sizes });
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours of a later theme are worn below, without a new screen.
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const opened = openScreen(element, coloursFor(shade), mode === "pipe", {
      typed: (text) => {
        if (holds.current) line.current?.send(new TextEncoder().encode(text));
      },
      scrolled: (isAtEnd) => setFollows(isAtEnd),
      found: (index, count) => setFound({ index, count }),
      pointedAt: setLink,
    });
    screen.current = opened;
    refit();
    const observer = new ResizeObserver(() => refit());
    observer.observe(element);
    return () => {
      observer.disconnect();
      opened.close();
      screen.current = null;
    };
  }, [mode, refit]);

  const screenNow = useCallback(() => screen.current, []);

  useEffect(() => {
    if (replays) return;
    setIsEmpty(true);
    screen.current?.reset();
    shownRef.current = shown;
    const opened = openLine(runId, 0, {
      draw: (frame: Frame, drawn) => {
        const wanted = shownRef.current === "all" || shownRef.current === frame.stream;
        if (!wanted || !screen.current) {
          drawn();
          return;
        }
        setIsEmpty(false);
        setWaiting("");
        screen.current.write(frame, () => requestAnimationFrame(drawn));
      },
      skip: (bytes) => screen.current?.restart(`… ${size(bytes)} are skipped here; Export has them …`),
      tell: (next) => {
        setState(next);
        if (next === "ended") setWaiting("");
      },
      word: (word) => {
        if (word.type === "waiting") setWaiting(word.why);
        if (word.type === "input_wanted") setWanted(word.since);
        if (word.type === "removed") setGone(word.why);
        if (word.type === "lease") {
          holds.current = word.held;
          setHasLease(word.held);
          setHolder(word.holder);
          screen.current?.setInput(word.held);
          if (word.held) {
            refit();
            screen.current?.focus();
          }
        }
      },
    });
    line.current = opened;
    return () => {
      holds.current = false;
      setHasLease(false);
      opened.close();
      line.current = null;
    };
  }, [runId, shown, replays, refit]);

  useEffect(() => screen.current?.wear(coloursFor(shade), marksFor(shade)), [shade]);

  const toggleWrap = () => {
    wrapsRef.current = !wraps;
    setWraps(!wraps);
    refit();
  };

  const copy = async () => {
    const text = screen.current?.selection() || screen.current?.text() || "";
    try {
      await navigator.clipboard.writeText(text);
      setCopied("Copied");
    } catch {
      setCopied("The browser forbids copying here");
    }
    setTimeout(() => setCopied(""), 2_000);
  };

  return (
    <section
      className="run-terminal"
      aria-label="Terminal"
      onKeyDown={(event) => {
        if (hasLease) event.stopPropagation();
        else if (event.key === "/" && !searches) {
          event.preventDefault();
          event.stopPropagation();
          setSearches(true);
        }
      }}
    >
      <div className="terminal-bar" role="toolbar" aria-label="Terminal tools">
        <span className="terminal-state" data-state={state}>
          {waiting && state === "live" ? "waiting" : LINE_WORDS[state]}
        </span>
        {mode === "pipe" && (
          <fieldset className="segments">
            <legend className="unseen">Stream</legend>
            {(["all", "stdout", "stderr"] as const).map((stream) => (
              <button
                type="button"
                key={stream}
                aria-pressed={shown === stream}
                onClick={() => setShown(stream)}
              >
                {stream}
              </button>
            ))}
          </fieldset>
        )}
        <span className="grow" />
        {holder && !hasLease && <span className="quiet">{holder} is typing</span>}
        {copied && <span className="quiet">{copied}</span>}
        {mayType && !hasLease && state === "live" && (
          <button
            type="button"
            className="button small"
            onClick={() => line.current?.say({ type: "lease" })}
            title={holder ? `${holder} is typing now` : "Take the keyboard of this run"}
          >
            <Keyboard aria-hidden /> Type into it
          </button>
        )}
        {state === "ended" && !gone && (
          <button
            type="button"
            className="icon-button"
            aria-label="Replay"
            aria-pressed={replays}
            title="Replay it as it came"
            onClick={() => setReplays(!replays)}
          >
            <History aria-hidden />
          </button>
        )}
        <button
          type="button"
          className="icon-button"
          aria-label="Search the output"
          aria-pressed={searches}
          title="Search the output (/)"
          onClick={() => {
            setSearches(!searches);
            screen.current?.find("", false);
          }}
        >
          <Search aria-hidden />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Follow the end"
          aria-pressed={follows}
          title="Follow the end"
          onClick={() => {
            if (follows) screen.current?.hold();
            else screen.current?.toEnd();
          }}
        >
          <ArrowDownToLine aria-hidden />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Wrap long lines"
          aria-pressed={wraps}
          title="Wrap long lines"
          onClick={toggleWrap}
        >
          <WrapText aria-hidden />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="Copy the output"
          title="Copy the selection, or everything"
          onClick={copy}
        >
          <Copy aria-hidden />
        </button>
        <DropdownMenu.Root>
          <DropdownMenu.Trigger className="icon-button" aria-label="Export" title="Export">
            <Download aria-hidden />
          </DropdownMenu.Trigger>
          <DropdownMenu.Portal>
            <DropdownMenu.Content className="menu" align="end" sideOffset={4}>
              {[
                ["raw", "Raw bytes"],
                ["text", "Plain text"],
                ["asciicast", "Recording (asciicast)"],
                ["asciicast-v3", "Recording (asciicast v3)"],
              ].map(([format, name]) => (
                <DropdownMenu.Item key={format} asChild>
                  <a href={`/api/runs/${runId}/transcript?format=${format}`} download>
                    {name}
                  </a>
                </DropdownMenu.Item>
              ))}
            </DropdownMenu.Content>
          </DropdownMenu.Portal>
        </DropdownMenu.Root>
      </div>
      {searches && (
        <search className="terminal-search">
          <input
            type="search"
            aria-label="Words in the output"
            placeholder="Words in the output"
            // biome-ignore lint/a11y/noAutofocus: the field opens because the reader asked to type into it.
            autoFocus
            value={words}
            onChange={(event) => {
              setWords(event.target.value);
              screen.current?.find(event.target.value, false);
            }}
            onKeyDown={(event) => {
              event.stopPropagation();
              if (event.key === "Enter") screen.current?.find(words, event.shiftKey);
              if (event.key === "Escape") {
                setSearches(false);
                screen.current?.find("", false);
              }
            }}
          />
          <span className="quiet" aria-live="polite">
            {words === "" ? "" : found.count === 0 ? "not found" : `${found.index + 1} of ${found.count}`}
          </span>
          <button
            type="button"
            className="icon-button"
            aria-label="Previous match"
            onClick={() => screen.current?.find(words, true)}
          >
            <ChevronUp aria-hidden />
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label="Next match"
            onClick={() => screen.current?.find(words, false)}
          >
            <ChevronDown aria-hidden />
          </button>
        </search>
      )}
      {wanted && !hasLease && state === "live" && (
        <div className="terminal-lease" role="status">
          <Keyboard aria-hidden />
          <span>
            It waits for input since <When at={wanted} />
            {mayType ? "; take the keyboard to answer." : "."}
          </span>
        </div>
      )}
      {hasLease && (
        <div className="terminal-lease">
          <Keyboard aria-hidden />
          <span>What you type goes to this run.</span>
          <button
            type="button"
            className="button small"
            onClick={() => line.current?.say({ type: "release" })}
          >
            Give the keyboard back
          </button>
        </div>
      )}
      {replays && <Player runId={runId} screen={screenNow} leave={() => setReplays(false)} />}
      <div className="terminal-place" data-wraps={wraps} ref={place} />
      {isEmpty && (waiting || state === "ended" || state === "refused") && (
        <p className="terminal-empty">
          {waiting || (state === "ended" ? gone || "No output." : LINE_WORDS[state])}
        </p>
      )}
      {link && <p className="terminal-link mono">{link}</p>}
    </section>
  );
}
