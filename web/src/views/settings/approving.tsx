/* Who approves in a project: how many, whether one's own counts, and by role or name for each risk. Whether
   the change is allowed is the server's word. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ProblemNotice } from "../../parts/notice";
import { Risk } from "../../parts/status";
import { addProject } from "../../wire/requests";
import type { ApproverRuleIn, ProjectOut } from "../../wire/schema";

const RISKS = ["low", "medium", "high"] as const;
type Level = (typeof RISKS)[number];
/** "people": those who are named, and nobody by role. */
type Who = "approver" | "admin" | "people";
type Rules = Record<Level, { who: Who; people: string }>;

function rulesOf(project: ProjectOut): Rules {
  const one = (level: Level) => {
    const found = project.approvers.find(({ risk_level }) => risk_level === level);
    const who: Who = !found
      ? "approver"
      : found.role === "admin" || found.role === "approver"
        ? found.role
        : "people";
    return { who, people: (found?.people ?? []).join(" ") };
  };
  return { low: one("low"), medium: one("medium"), high: one("high") };
}

function asked(rules: Rules): ApproverRuleIn[] {
  return RISKS.map((level) => ({
    risk_level: level,
    role: rules[level].who === "people" ? null : rules[level].who,
    people: rules[level].people.split(/[\s,]+/).filter(Boolean),
  })).filter(({ role, people }) => role !== "approver" || people.length > 0);
}

export function Approving({ project }: { project: ProjectOut }) {
  const client = useQueryClient();
  const [quorum, setQuorum] = useState(String(project.approval_quorum ?? ""));
  const [fourEyes, setFourEyes] = useState(project.forbid_self_approval);
  const [rules, setRules] = useState(() => rulesOf(project));
  const save = useMutation({
    mutationFn: () =>
      addProject({
        path: project.workspace_root,
        forbid_self_approval: fourEyes,
        approval_quorum: Number(quorum || 0),
        approvers: asked(rules),
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["projects"] }),
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <div className="line wraps">
        <label className="line">
          People who must approve
          <input
            inputMode="numeric"
            size={4}
            placeholder="as set"
            value={quorum}
            onChange={(event) => setQuorum(event.target.value.replace(/\D/g, ""))}
          />
        </label>
        <label className="line">
          <input type="checkbox" checked={fourEyes} onChange={(event) => setFourEyes(event.target.checked)} />
          Nobody approves their own request, or what they changed in one
        </label>
      </div>
      {RISKS.map((level) => (
        <div key={level} className="line wraps">
          <Risk level={level} />
          <select
            aria-label={`Who approves a ${level} risk`}
            value={rules[level].who}
            onChange={(event) =>
              setRules({ ...rules, [level]: { ...rules[level], who: event.target.value as Who } })
            }
          >
            <option value="approver">every approver</option>
            <option value="admin">admins</option>
            <option value="people">only the people named</option>
          </select>
          <input
            className="mono grow"
            aria-label={`People who approve a ${level} risk`}
            placeholder="and these people, as user:bea"
            value={rules[level].people}
            onChange={(event) =>
              setRules({ ...rules, [level]: { ...rules[level], people: event.target.value } })
            }
          />
        </div>
      ))}
      <div className="line">
        <button type="submit" className="button" disabled={save.isPending}>
          Save who approves
        </button>
        {save.isSuccess && <span className="soft">Saved, and in the audit log.</span>}
      </div>
      {save.isError && <ProblemNotice error={save.error} />}
    </form>
  );
}
