/* What a command does, in plain words and in its parts. It words the facts of the server and adds none. */
import { visible } from "../../parts/visible";
import type { CommandFactsOut, MatchedRuleOut } from "../../wire/schema";

const EFFECTS: Record<string, string> = {
  reads: "reads files",
  writes: "writes files",
  deletes: "deletes",
  executes: "starts other programs",
  network: "reaches the network",
  privilege: "asks for more rights",
  publishes: "publishes to others",
  irreversible: "cannot be undone",
  unknown: "does what the catalogue does not know",
};

const GRAVE = new Set(["deletes", "network", "privilege", "publishes", "irreversible", "unknown"]);

export const isGrave = (effect: string): boolean => GRAVE.has(effect);

/** A path as it is called from `within`, where it lies in there; else whole. */
export const seenFrom = (path: string, within: string): string =>
  within !== "" && path.startsWith(`${within}/`) ? path.slice(within.length + 1) : path;

function Paths({ name, paths, within }: { name: string; paths: string[]; within: string }) {
  if (paths.length === 0) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd className="mono">{paths.map((path) => visible(seenFrom(path, within))).join("  ")}</dd>
    </>
  );
}

/** One command of the line: its parts, the risky one marked, and what it touches. */
function Facts({ facts, within }: { facts: CommandFactsOut; within: string }) {
  const grave = facts.effects.some(isGrave);
  return (
    <li className="facts-card" data-grave={grave || undefined}>
      <div className="argv">
        {facts.argv.map((word, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a word's place in the command is its identity.
          <code key={index} data-first={index === 0 || undefined}>
            {visible(word) || "''"}
          </code>
        ))}
      </div>
      <div className="line wraps">
        {facts.effects.map((effect) => (
          <span key={effect} className="pill" {...(isGrave(effect) ? { "data-tone": "blocked" } : {})}>
            {EFFECTS[effect] ?? effect}
          </span>
        ))}
        {facts.effects.length === 0 && <span className="pill">touches nothing that is known</span>}
      </div>
      <dl className="facts">
        {facts.source && <Paths name="Stands in" paths={[facts.source]} within={within} />}
        <Paths name="Reads" paths={facts.reads} within={within} />
        <Paths name="Writes" paths={facts.writes} within={within} />
        {facts.network && (
          <>
            <dt>Network</dt>
            <dd>wants to reach it</dd>
          </>
        )}
      </dl>
    </li>
  );
}

/** The parsed command line; paths under the folder `within`, which the caller shows, are cut to it. */
export function CommandFacts({ commands, within = "" }: { commands: CommandFactsOut[]; within?: string }) {
  if (commands.length === 0)
    return <p className="quiet">The command could not be taken apart into programs.</p>;
  return (
    <ol className="stack tight">
      {commands.map((facts, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the order of the commands is their identity.
        <Facts key={index} facts={facts} within={within} />
      ))}
    </ol>
  );
}

/** A reason of the server that ends with codes, with the strictest rule's own words in their place. */
export function inWords(reason: string, codes: readonly string[], rules: readonly MatchedRuleOut[]): string {
  const tail = `: ${codes.join(", ")}`;
  if (codes.length === 0 || !reason.endsWith(tail)) return reason;
  const text = rules[0]?.text;
  return reason.slice(0, -tail.length) + (text ? `: ${text}` : "");
}

/** The rules that decide, strictest first, and those that only tell something: the stricter ones outdo the rest. */
export function deciding(rules: readonly MatchedRuleOut[]): MatchedRuleOut[] {
  const strictest = rules.find((rule) => rule.verdict)?.verdict;
  return rules.filter((rule) => !rule.verdict || rule.verdict === strictest);
}

/** The rules that decide, each in its own words, those that matched besides by name; the codes come last. */
export function Rules({ rules, codes }: { rules: MatchedRuleOut[]; codes: string[] }) {
  const shown = deciding(rules);
  const outdone = rules.filter((rule) => !shown.includes(rule)).map((rule) => rule.rule_id);
  return (
    <div className="stack tight">
      {shown.map((rule) => (
        <blockquote key={`${rule.rule_id} ${rule.source}`} className="quote">
          <span>{visible(rule.text)}</span>
          <span className="mono quiet">
            {rule.rule_id} · {rule.source}
          </span>
        </blockquote>
      ))}
      {rules.length === 0 && <p className="quiet">No rule speaks of it.</p>}
      {outdone.length > 0 && (
        <p className="codes">
          Matched too, but outdone: <span className="mono">{outdone.join(" · ")}</span>
        </p>
      )}
      {codes.length > 0 && (
        <p className="codes">
          {codes.length === 1 ? "Code" : "Codes"}: <span className="mono">{codes.join(" · ")}</span>
        </p>
      )}
    </div>
  );
}
