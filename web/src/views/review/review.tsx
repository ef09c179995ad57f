/* The review dialog: what a command will do, before anything starts, checked again as it is edited.
   The one button says what happens; the server's admission chose it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { X } from "lucide-react";
import { Dialog } from "radix-ui";
import { useEffect, useMemo, useRef, useState } from "react";
import { Fold, ProblemNotice, Waiting } from "../../parts/notice";
import { Risk, Status } from "../../parts/status";
import { Sentence } from "../../parts/time";
import { visible } from "../../parts/visible";
import { capital } from "../../parts/words";
import { freshKey } from "../../wire/ask";
import { connectorsQuery } from "../../wire/queries";
import { review, submitRun } from "../../wire/requests";
import type { CheckIn, ReviewOut } from "../../wire/schema";
import { useHere } from "../frame/here";
import { CommandFacts, inWords, Rules } from "./facts";

const SETTLE_MS = 250;
const CELL_WIDTH = 7.83;
const CELL_HEIGHT = 17;

export interface Asked {
  command?: string | undefined;
  cwd?: string | undefined;
  connector?: string | undefined;
  featureId?: string | undefined;
  ruleId?: string | undefined;
}

function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

/** The size a terminal on the run page will have, so that output is laid out for it from its first byte. */
function likelySize(): { rows: number; columns: number } {
  const room = window.innerWidth > 1100 ? window.innerWidth - 208 - 340 - 80 : window.innerWidth - 80;
  return {
    columns: Math.max(40, Math.min(240, Math.floor(room / CELL_WIDTH))),
    rows: Math.max(16, Math.min(60, Math.floor((window.innerHeight - 330) / CELL_HEIGHT))),
  };
}

function Environment({ shown }: { shown: ReviewOut }) {
  const { env_profile: profile } = shown;
  const names = [...profile.variable_names, ...profile.secret_names.map((name) => `${name} (secret)`)];
  return (
    <dl className="facts">
      <dt>Folder</dt>
      <dd className="mono">{visible(shown.cwd) || "."}</dd>
      <dt>Connector</dt>
      <dd>{shown.connector}</dd>
      <dt>Environment</dt>
      <dd>
        {profile.name}
        <span className="quiet"> · {names.length > 0 ? names.join(", ") : "no variables, no secrets"}</span>
      </dd>
      <dt>Network</dt>
      <dd>{shown.network}</dd>
      <dt>Sandbox</dt>
      <dd>{shown.sandbox_profile}</dd>
      {shown.executes.length > 0 && (
        <>
          <dt>Executes</dt>
          <dd className="mono">{shown.executes.map(visible).join(" ")}</dd>
        </>
      )}
    </dl>
  );
}

function Answer({ shown }: { shown: ReviewOut }) {
  const hidden =
    shown.command_visible !== visible(shown.command_visible) || /⟨U\+/.test(shown.command_visible);
  return (
    <>
      <div className="verdict" data-verdict={shown.verdict}>
        <div className="line wraps">
          <Status status={shown.verdict} />
          <Risk level={shown.risk_level} />
          {!shown.parsed_strictly && (
            <span className="pill" data-tone="blocked">
              could not be parsed strictly
            </span>
          )}
        </div>
        {shown.admission_reason && (
          <p>
            <Sentence
              text={capital(inWords(shown.admission_reason, shown.reason_codes, shown.matched_rules))}
            />
          </p>
        )}
      </div>
      {hidden && (
        <div className="notice" data-tone="blocked">
          <strong>The command holds characters that do not show</strong>
          <code>{visible(shown.command_visible)}</code>
        </div>
      )}
      {shown.self_approval_notice && <p className="notice">{shown.self_approval_notice}</p>}
      <section className="stack tight">
        <h3>{shown.admission === "blocked" ? "What it would do" : "What it will do"}</h3>
        <CommandFacts commands={shown.commands} />
      </section>
      <section className="stack tight">
        <h3>Where it runs</h3>
        <Environment shown={shown} />
      </section>
      <section className="stack tight">
        <h3>{shown.verdict === "deny" ? "What would have to change" : "Why"}</h3>
        <Rules rules={shown.matched_rules} codes={shown.reason_codes} />
      </section>
    </>
  );
}

const seconds = (text: string) => (/^[1-9]\d{0,5}$/.test(text.trim()) ? Number(text.trim()) : null);

/** Reviews a command, lets it be edited, and asks for the run. */
export function ReviewDialog({
  projectId,
  asked = {},
  close,
}: {
  projectId: string;
  asked?: Asked;
  close: () => void;
}) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const { project } = useHere();
  const connectors = useQuery(connectorsQuery);
  const [command, setCommand] = useState(asked.command ?? "");
  const [cwd, setCwd] = useState(asked.cwd ?? "");
  const [connector, setConnector] = useState(asked.connector || project?.default_connector || "local");
  const [profile, setProfile] = useState("default");
  const [mode, setMode] = useState<"pty" | "pipe">("pty");
  const [limit, setLimit] = useState("");
  const [idle, setIdle] = useState("");
  const key = useRef(freshKey());
  const go = useRef<HTMLButtonElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);

  const check: CheckIn = useMemo(
    () => ({
      project_id: projectId,
      command,
      cwd,
      env_profile: profile,
      connector,
      mode,
      timeout_seconds: seconds(limit),
      idle_timeout_seconds: seconds(idle),
    }),
    [projectId, command, cwd, profile, connector, mode, limit, idle],
  );
  const settled = useSettled(check);
  const answer = useQuery({
    queryKey: ["review", settled],
    queryFn: ({ signal }) => review(settled, signal),
    enabled: settled.command.trim() !== "",
    placeholderData: (before) => before,
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
  const shown = command.trim() === "" ? undefined : answer.data;
  const isCurrent = shown !== undefined && settled === check && !answer.isFetching && !answer.isError;

  const start = useMutation({
    mutationFn: () =>
      submitRun(
        {
          ...check,
          ...likelySize(),
          feature_id: asked.featureId ?? null,
          recommendation_rule_id: command === asked.command ? (asked.ruleId ?? null) : null,
        },
        key.current,
      ),
    onSuccess: (run) => {
      client.setQueryData(["run", run.run_id], run);
      void client.invalidateQueries({ queryKey: ["runs"] });
      void client.invalidateQueries({ queryKey: ["approvals"] });
      close();
      void navigate({ to: "/p/$projectId/runs/$runId", params: { projectId, runId: run.run_id } });
    },
    // The key names one request: an edited one is another.
    onError: () => {
      key.current = freshKey();
    },
  });

  const has = shown !== undefined;

  const says = shown?.admission === "ask" ? "Ask for approval" : "Run";
  const may = isCurrent && shown.admission !== "blocked" && !start.isPending;
  // The button takes the focus once it can be pressed, unless somebody is typing: then Enter is enough.
  useEffect(() => {
    if (may && !document.activeElement?.matches("input, textarea, select")) go.current?.focus();
  }, [may]);

  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="veil" />
        <Dialog.Content
          className="dialog"
          aria-describedby={undefined}
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            if (!asked.command) field.current?.focus();
            else (event.currentTarget as HTMLElement).focus();
          }}
        >
          <header>
            <Dialog.Title asChild>
              <h2>Review</h2>
            </Dialog.Title>
            <span className="quiet">nothing has started</span>
            <span className="grow" />
            <Dialog.Close className="icon-button" aria-label="Close">
              <X aria-hidden />
            </Dialog.Close>
          </header>
          <form
            id="review"
            className="dialog-body stack wide"
            onSubmit={(event) => {
              event.preventDefault();
              if (may) start.mutate();
            }}
          >
            <label className="field">
              Command
              <textarea
                ref={field}
                className="mono command-field"
                aria-label="Command"
                rows={Math.min(8, Math.max(2, command.split("\n").length))}
                spellCheck={false}
                autoCapitalize="off"
                autoCorrect="off"
                value={command}
                maxLength={65536}
                onChange={(event) => setCommand(event.target.value)}
                onKeyDown={(event) => {
                  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && may) start.mutate();
                }}
              />
            </label>
            <Fold title="How it is started">
              <div className="how">
                <label className="field">
                  Working directory
                  <input
                    className="mono"
                    value={cwd}
                    placeholder="the workspace's root"
                    onChange={(event) => setCwd(event.target.value)}
                  />
                </label>
                <label className="field">
                  Connector
                  <select value={connector} onChange={(event) => setConnector(event.target.value)}>
                    {[
                      ...new Set([connector, ...(connectors.data ?? []).map((each) => each.connector_id)]),
                    ].map((id) => (
                      <option key={id}>{id}</option>
                    ))}
                  </select>
                </label>
                <label className="field">
                  Environment
                  <select value={profile} onChange={(event) => setProfile(event.target.value)}>
                    {[...new Set(["default", ...(project?.env_profiles ?? []).map((each) => each.name)])].map(
                      (name) => (
                        <option key={name}>{name}</option>
                      ),
                    )}
                  </select>
                </label>
                <label className="field">
                  Output
                  <select value={mode} onChange={(event) => setMode(event.target.value as "pty" | "pipe")}>
                    <option value="pty">a terminal</option>
                    <option value="pipe">stdout and stderr apart</option>
                  </select>
                </label>
                <label className="field">
                  Stop after (seconds)
                  <input
                    inputMode="numeric"
                    value={limit}
                    onChange={(event) => setLimit(event.target.value)}
                  />
                </label>
                <label className="field">
                  Stop when silent for (seconds)
                  <input inputMode="numeric" value={idle} onChange={(event) => setIdle(event.target.value)} />
                </label>
              </div>
            </Fold>
            <div className="answer stack wide" data-old={(has && !isCurrent) || undefined}>
              {answer.isError && command.trim() !== "" && <ProblemNotice error={answer.error} />}
              {!answer.isError && shown && <Answer shown={shown} />}
              {!answer.isError && !shown && command.trim() !== "" && <Waiting rows={5} />}
              {command.trim() === "" && (
                <p className="quiet">
                  Type a command: what it would do is shown here before anything starts.
                </p>
              )}
            </div>
            {start.isError && <ProblemNotice error={start.error} />}
          </form>
          <footer>
            <span className="quiet hint" aria-live="polite">
              {command.trim() === ""
                ? ""
                : !isCurrent
                  ? answer.isError
                    ? "Not checked"
                    : "Checking…"
                  : shown.admission === "blocked"
                    ? "It cannot start as it stands: the reason is above."
                    : shown.admission === "ask"
                      ? "It is held until somebody approves it."
                      : "It starts at once, in the sandbox."}
            </span>
            <span className="grow" />
            <button type="button" className="button" onClick={close}>
              Not now
            </button>
            <button ref={go} type="submit" form="review" className="button primary" disabled={!may}>
              {says}
            </button>
          </footer>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
