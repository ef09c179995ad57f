/* The next command, as the hero of a feature's page: what, where, why, and what else it could be. */

import { useQuery } from "@tanstack/react-query";
import { CornerDownLeft } from "lucide-react";
import { CommandBlock } from "../../parts/command";
import { Fold } from "../../parts/notice";
import { Risk, Status } from "../../parts/status";
import { count } from "../../parts/words";
import { review } from "../../wire/requests";
import type { AdviceOut, RunnableOut } from "../../wire/schema";
import { Evidence, type OpenAt } from "./evidence";

function Reasons({ runnable }: { runnable: RunnableOut }) {
  if (runnable.ok && runnable.reasons.length === 0) return null;
  if (runnable.ok) return <p className="quiet">{runnable.reasons.join(" · ")}</p>;
  return (
    <div className="notice" data-tone="blocked">
      <strong>Cannot run here now</strong>
      {runnable.reasons.map((reason) => (
        <p key={reason}>{reason}</p>
      ))}
    </div>
  );
}

function Judgement({
  projectId,
  command,
  connector,
}: {
  projectId: string;
  command: string;
  connector: string;
}) {
  const check = {
    project_id: projectId,
    command,
    connector,
    cwd: "",
    env_profile: "default",
    mode: "pty" as const,
    timeout_seconds: null,
    idle_timeout_seconds: null,
  };
  const judged = useQuery({ queryKey: ["review", check], queryFn: () => review(check), retry: false });
  if (!judged.data) return null;
  return (
    <>
      <Risk level={judged.data.risk_level} />
      <Status
        status={judged.data.verdict}
        quiet
        says={
          judged.data.admission === "run"
            ? "runs at once"
            : judged.data.admission === "ask"
              ? "needs an approval"
              : "blocked"
        }
      />
    </>
  );
}

/** `choose` opens the review for the recommendation ("next") or for an alternative, by its number. */
export function Hero({
  projectId,
  advice,
  open,
  choose,
}: {
  projectId: string;
  advice: AdviceOut;
  open: OpenAt;
  choose: (which: string) => void;
}) {
  const next = advice.recommendation;
  if (!next) {
    return (
      <section className="card hero" aria-label="Next command">
        <div className="card-body stack">
          <span className="eyebrow">Next</span>
          <h2>Nothing to run</h2>
          <p className="soft">{advice.reason}</p>
          {advice.evidence.length > 0 && <Evidence evidence={advice.evidence} open={open} />}
        </div>
      </section>
    );
  }
  return (
    <section className="card hero" aria-label="Next command">
      <div className="card-body stack">
        <div className="line wraps">
          <span className="eyebrow">Next command</span>
          <span className="grow" />
          <Judgement projectId={projectId} command={next.command} connector={next.connector} />
        </div>
        <div className="hero-go">
          <CommandBlock command={next.command} large />
          <button type="button" className="button primary hero-button" onClick={() => choose("next")}>
            Review <CornerDownLeft aria-hidden />
          </button>
        </div>
        <p className="quiet">
          on <strong className="soft">{next.connector}</strong> · rule {next.rule_id}: {next.rule_text}
          {next.confidence !== null && (
            <>
              {" "}
              · {Math.round(next.confidence * 100)} % of {count(next.measured_runs, "run")} by this rule
              succeeded here
            </>
          )}
        </p>
        <Reasons runnable={next.runnable} />
        <div className="stack tight">
          <h3>Why this one</h3>
          <Evidence evidence={next.evidence} open={open} />
        </div>
        <div>
          {next.alternatives.length > 0 && (
            <Fold title={`Instead of it (${count(next.alternatives.length, "alternative")})`}>
              <div className="stack">
                {next.alternatives.map((other, index) => (
                  <div key={`${other.command} ${other.connector}`} className="stack tight">
                    <div className="hero-go">
                      <CommandBlock command={other.command} />
                      <button type="button" className="button" onClick={() => choose(String(index))}>
                        Use this instead
                      </button>
                    </div>
                    <p className="quiet">
                      on {other.connector} · {other.why}
                    </p>
                    <Reasons runnable={other.runnable} />
                    <Evidence evidence={other.evidence} open={open} />
                  </div>
                ))}
              </div>
            </Fold>
          )}
          {next.would_change.length > 0 && (
            <Fold title="What would change this">
              <ul className="bullets">
                {next.would_change.map((each) => (
                  <li key={each}>{each}</li>
                ))}
              </ul>
            </Fold>
          )}
        </div>
      </div>
    </section>
  );
}
