/* What the project is asked no more about: each rule with what it covers, who let it be, from which run and
   until when. The button to forget it is there when the server says so. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Empty, Fold, ProblemNotice, Waiting } from "../../parts/notice";
import { When } from "../../parts/time";
import { shortId, spoken } from "../../parts/words";
import { rememberedQuery } from "../../wire/queries";
import { forgetRule } from "../../wire/requests";
import type { RememberedRuleOut } from "../../wire/schema";

/** Program, form and flags as they would be typed; what a rule covers at most. */
export function Form({ rule }: { rule: RememberedRuleOut }) {
  return (
    <div className="stack tight">
      <div className="argv">
        <code data-first>{rule.program}</code>
        {rule.form && <code>{rule.form}</code>}
        {rule.flags
          .filter((flag) => flag !== rule.form)
          .map((flag) => (
            <code key={flag}>{flag}</code>
          ))}
        <code>…</code>
      </div>
      <p className="quiet">
        with no other flag
        {rule.facts.length > 0 && `, and nothing more than: ${rule.facts.map(spoken).join(", ")}`}
      </p>
    </div>
  );
}

function One({ rule }: { rule: RememberedRuleOut }) {
  const client = useQueryClient();
  const forget = useMutation({
    mutationFn: () => forgetRule(rule.project_id, rule.rule_id),
    onSuccess: () => client.invalidateQueries({ queryKey: ["policy"] }),
  });
  return (
    <li className="row row-remembered">
      <div className="stack tight">
        <Form rule={rule} />
        <p className="quiet run-facts">
          <span>
            {rule.created_by} let it be <When at={rule.created_at} />
          </span>
          <Link
            to="/p/$projectId/runs/$runId"
            params={{ projectId: rule.project_id, runId: rule.from_run_id }}
          >
            from {shortId(rule.from_run_id)}
          </Link>
          {rule.revoked_at ? (
            <span>
              forgotten <When at={rule.revoked_at} />
            </span>
          ) : (
            <span>
              {rule.is_in_force ? "expires" : "expired"} <When at={rule.expires_at} />
            </span>
          )}
        </p>
        {forget.isError && <ProblemNotice error={forget.error} />}
      </div>
      {rule.moves.includes("forget") && (
        <button
          type="button"
          className="button small danger end"
          disabled={forget.isPending}
          onClick={() => forget.mutate()}
        >
          Forget it
        </button>
      )}
    </li>
  );
}

export function Remembered({ projectId }: { projectId: string }) {
  const remembered = useQuery(rememberedQuery(projectId));
  const [isAll, setAll] = useState(false);
  const rules = remembered.data ?? [];
  const over = rules.filter(({ is_in_force }) => !is_in_force);
  const shown = isAll ? rules : rules.filter(({ is_in_force }) => is_in_force);
  return (
    <section className="card" aria-label="Remembered">
      <header>
        <h2>Asked no more</h2>
        <span className="count">{rules.length - over.length}</span>
        <span className="grow" />
        {over.length > 0 && (
          <button type="button" className="button small" aria-pressed={isAll} onClick={() => setAll(!isAll)}>
            {isAll ? "Only those in force" : `${over.length} that are over`}
          </button>
        )}
      </header>
      {remembered.isPending && <Waiting rows={2} />}
      {remembered.isError && <ProblemNotice error={remembered.error} />}
      {remembered.isSuccess && shown.length === 0 && (
        <Empty title="Nothing is remembered">
          On a run that is held for approval, “Allow commands like this” proposes a rule that expires.
        </Empty>
      )}
      <ul className="rows">
        {shown.map((rule) => (
          <One key={rule.rule_id} rule={rule} />
        ))}
      </ul>
      {shown.length > 0 && (
        <div className="card-body fold-only">
          <Fold title="As Cedar">
            <pre className="mono preview-lines">{shown.map(({ cedar }) => cedar).join("\n")}</pre>
          </Fold>
        </div>
      )}
    </section>
  );
}
