/* The phases' switches: who set each, for whom and until when, and what the sources of flags say. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ProblemNotice } from "../../parts/notice";
import { When } from "../../parts/time";
import { visible } from "../../parts/visible";
import { setSwitch } from "../../wire/requests";
import type { SwitchOut } from "../../wire/schema";

const STATES = ["off", "canary", "on"] as const;

/** One phase: what counts now and by whose word, and, asked for with a reason, another state. */
export function SwitchLine({ flag }: { flag: SwitchOut }) {
  const client = useQueryClient();
  const [wanted, setWanted] = useState<SwitchOut["state"] | null>(null);
  const [reason, setReason] = useState("");
  const [people, setPeople] = useState("");
  const [overrides, setOverrides] = useState(false);
  const change = useMutation({
    mutationFn: (state: SwitchOut["state"]) =>
      setSwitch({
        name: flag.name,
        state,
        project_id: flag.project_id,
        until: null,
        people: state === "canary" ? people.split(/[\s,]+/).filter(Boolean) : [],
        override: overrides,
        reason,
      }),
    onSuccess: () => {
      setWanted(null);
      setReason("");
      setOverrides(false);
      void client.invalidateQueries({ queryKey: ["switches"] });
    },
  });
  return (
    <li className="stack tight">
      <div className="line wraps">
        <span className="mono grow">{flag.name}</span>
        <fieldset className="segments">
          <legend className="unseen">{flag.name}</legend>
          {STATES.map((state) => (
            <button
              type="button"
              key={state}
              aria-pressed={(wanted ?? flag.state) === state}
              onClick={() => setWanted(state === flag.state ? null : state)}
            >
              {state}
            </button>
          ))}
        </fieldset>
      </div>
      {flag.effective_state !== flag.state && (
        <p className="notice" data-tone="blocked">
          {flag.name} counts as {flag.effective_state} now
          {flag.sources
            .filter((each) => each.source !== "ledger")
            .map(
              (each) =>
                ` · flag source ${visible(each.source)}: ${visible(each.problem || (each.state ?? ""))}`,
            )}
        </p>
      )}
      <p className="quiet">
        {flag.project_id ? "this project · " : "all projects · "}
        {flag.reason || "never changed"}
        {flag.changed_by && ` · ${flag.changed_by}`}
        {flag.changed_at && (
          <>
            {" · "}
            <When at={flag.changed_at} />
          </>
        )}
        {flag.since && (
          <>
            {" · from "}
            <When at={flag.since} />
          </>
        )}
        {flag.until && (
          <>
            {" · until "}
            <When at={flag.until} />
          </>
        )}
        {flag.people.length > 0 && ` · for ${flag.people.map(visible).join(", ")}`}
        {flag.overridden.length > 0 &&
          ` · in spite of ${flag.overridden.map((gate) => gate.gate_id).join(", ")}`}
      </p>
      {wanted && (
        <form
          className="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (reason.trim()) change.mutate(wanted);
          }}
        >
          <input
            aria-label={`Why set ${flag.name} ${wanted}`}
            className="grow"
            placeholder="Why"
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
          {wanted === "canary" && (
            <input
              aria-label={`For whom ${flag.name} is on`}
              placeholder="people, between commas"
              value={people}
              onChange={(event) => setPeople(event.target.value)}
            />
          )}
          {wanted !== "off" && (
            <label className="check-field">
              <input
                type="checkbox"
                checked={overrides}
                onChange={(event) => setOverrides(event.target.checked)}
              />
              <span>In spite of its entry gates</span>
            </label>
          )}
          <button type="submit" className="button primary" disabled={!reason.trim() || change.isPending}>
            Set {wanted}
          </button>
          <button type="button" className="button" onClick={() => setWanted(null)}>
            Leave it
          </button>
        </form>
      )}
      {change.isError && <ProblemNotice error={change.error} />}
    </li>
  );
}
