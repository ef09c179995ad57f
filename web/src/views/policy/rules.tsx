/* The rules in force, in the order of their layers: each with what it leads to, its words, where it stands,
   and its Cedar text. */
import { useState } from "react";
import { Risk, Status } from "../../parts/status";
import { visible } from "../../parts/visible";
import { spoken } from "../../parts/words";
import type { PolicyRuleOut } from "../../wire/schema";

const KINDS = ["all", "deny", "requires_approval", "allow", "approving"] as const;
type Kind = (typeof KINDS)[number];

const kindOf = (rule: PolicyRuleOut): Kind => rule.verdict ?? "approving";

function Rule({ rule }: { rule: PolicyRuleOut }) {
  return (
    <li className="row-rule">
      <details>
        <summary>
          <span className="rule-what">
            {rule.verdict ? (
              <Status status={rule.verdict} quiet />
            ) : (
              <Status status="approving" says="who may approve" quiet />
            )}
            <Risk level={rule.risk_level} />
          </span>
          <span className="two">
            <span>{visible(rule.text)}</span>
            <small className="mono wrap">
              {rule.rule_id} · {rule.source}
            </small>
          </span>
        </summary>
        <pre className="mono preview-lines">{visible(rule.cedar.trim())}</pre>
      </details>
    </li>
  );
}

export function RuleList({ rules }: { rules: PolicyRuleOut[] }) {
  const [kind, setKind] = useState<Kind>("all");
  const [words, setWords] = useState("");
  const wanted = words.trim().toLowerCase();
  const shown = rules.filter(
    (rule) =>
      (kind === "all" || kindOf(rule) === kind) &&
      (wanted === "" || `${rule.rule_id} ${rule.text} ${rule.source}`.toLowerCase().includes(wanted)),
  );
  return (
    <section className="card" aria-label="Rules in force">
      <header>
        <h2>Rules in force</h2>
        <span className="count">{shown.length}</span>
      </header>
      <div className="card-body filters">
        <fieldset className="segments scrolls">
          <legend className="unseen">What the rules lead to</legend>
          {KINDS.map((each) => (
            <button type="button" key={each} aria-pressed={kind === each} onClick={() => setKind(each)}>
              {spoken(each)}
            </button>
          ))}
        </fieldset>
        <input
          type="search"
          aria-label="Search the rules"
          placeholder="id, words or file"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
      </div>
      <ul className="rows">
        {shown.map((rule) => (
          <Rule key={rule.rule_id} rule={rule} />
        ))}
      </ul>
      {shown.length === 0 && <p className="empty">No rule is like that.</p>}
    </section>
  );
}
