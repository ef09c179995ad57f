/* How the verdict on a command comes about: each sub-command, its facts, the rules that spoke, and what would
   have to be otherwise. Nothing runs. */
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { ProblemNotice } from "../../parts/notice";
import { Risk, Status } from "../../parts/status";
import { visible } from "../../parts/visible";
import { spoken } from "../../parts/words";
import { explainCommand } from "../../wire/requests";
import type { TraceOut, TracePartOut, WouldChangeOut } from "../../wire/schema";

const ENDS: Record<string, string> = {
  allow: "It would run unasked",
  requires_approval: "A person would be asked",
};

const facts = (names: string[]): string => names.map(spoken).join(", ");

function describe({ verdict, without, having }: WouldChangeOut): string {
  const words = [
    ...(without.length > 0 ? [`without: ${facts(without)}`] : []),
    ...(having.length > 0 ? [`with: ${facts(having)}`] : []),
  ];
  return `${ENDS[verdict] ?? spoken(verdict)} ${words.join(", and ") || "as it is"}`;
}

function Part({ part }: { part: TracePartOut }) {
  return (
    <li className="facts-card" data-grave={part.verdict !== "allow" || undefined}>
      <div className="line wraps">
        <Status status={part.verdict} quiet />
        {part.program === null && <span className="soft">the text as a whole</span>}
      </div>
      {part.argv.length > 0 && (
        <div className="argv">
          {part.argv.map((word, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a word's place in the command is its identity.
            <code key={index} data-first={index === 0 || undefined}>
              {visible(word) || "''"}
            </code>
          ))}
        </div>
      )}
      <div className="line wraps">
        {part.facts.map((fact) => (
          <span key={fact} className="pill">
            {spoken(fact)}
          </span>
        ))}
        {part.facts.length === 0 && <span className="pill">no fact holds</span>}
      </div>
      {part.notes.length > 0 && (
        <p className="quiet">Not strict because of: {part.notes.map(spoken).join(", ")}</p>
      )}
      {part.error && <p className="notice">The policy engine could not decide: {part.error}</p>}
      {part.rules.map((rule) => (
        <blockquote key={`${rule.rule_id} ${rule.source}`} className="quote">
          <span>
            {visible(rule.text)}
            {rule.because.length > 0 && <span className="soft"> Because of: {facts(rule.because)}.</span>}
          </span>
          <span className="mono quiet">
            {rule.rule_id} · {rule.source}
          </span>
        </blockquote>
      ))}
      {part.changes.map((change) => (
        <p key={change.verdict} className="soft">
          {describe(change)}
        </p>
      ))}
      {part.may_be_remembered && (
        <p className="soft">Or somebody lets this program and form be remembered, on a run that is held.</p>
      )}
    </li>
  );
}

function Trace({ trace }: { trace: TraceOut }) {
  return (
    <section className="stack tight" aria-label="The trace">
      <div className="line wraps">
        <Status status={trace.verdict} />
        <Risk level={trace.risk_level} />
      </div>
      <ol className="stack tight">
        {trace.parts.map((part, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the order of the parts is their identity.
          <Part key={index} part={part} />
        ))}
      </ol>
    </section>
  );
}

export function Explain({ projectId }: { projectId: string }) {
  const [command, setCommand] = useState("");
  const [cwd, setCwd] = useState("");
  const trace = useMutation({
    mutationFn: () => explainCommand({ project_id: projectId, command, cwd }),
  });
  return (
    <section className="card" aria-label="Explain">
      <header>
        <h2>Explain a verdict</h2>
        <span className="quiet cut">nothing runs</span>
      </header>
      <div className="card-body stack">
        <form
          className="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (command.trim()) trace.mutate();
          }}
        >
          <input
            aria-label="Command to explain"
            className="mono grow"
            placeholder="a command, as it would be typed"
            spellCheck={false}
            autoCapitalize="none"
            maxLength={2000}
            value={command}
            onChange={(event) => setCommand(event.target.value)}
          />
          <input
            aria-label="Folder it would run in"
            className="mono"
            placeholder="folder, or empty"
            spellCheck={false}
            value={cwd}
            onChange={(event) => setCwd(event.target.value)}
          />
          <button type="submit" className="button" disabled={!command.trim() || trace.isPending}>
            Explain
          </button>
        </form>
        {trace.isError && <ProblemNotice error={trace.error} />}
        {trace.isSuccess && <Trace trace={trace.data} />}
      </div>
    </section>
  );
}
