/* What each connector can do, side by side, and what is missing for it to be ready. */
import { useQuery } from "@tanstack/react-query";
import { Check, Minus } from "lucide-react";
import { Empty, ProblemNotice, Waiting } from "../../parts/notice";
import { Status } from "../../parts/status";
import { capital, spoken } from "../../parts/words";
import { connectorsQuery } from "../../wire/queries";
import type { CapabilitiesOut } from "../../wire/schema";

const ROWS: (keyof CapabilitiesOut)[] = [
  "cancel",
  "approvals",
  "on_rejection",
  "logs",
  "push",
  "is_interactive",
  "follow_up",
  "resume",
  "fork",
  "load_history",
  "usage",
  "cost",
  "list_runs",
  "idempotent_create",
];

function Cell({ value }: { value: string | boolean }) {
  if (typeof value === "string") return <>{spoken(value)}</>;
  return value ? (
    <span className="yes">
      <Check aria-hidden /> <span className="unseen">yes</span>
    </span>
  ) : (
    <span className="quiet">
      <Minus aria-hidden /> <span className="unseen">no</span>
    </span>
  );
}

export function ConnectorsPage() {
  const connectors = useQuery(connectorsQuery);
  const all = connectors.data ?? [];
  const problems = all.filter((each) => each.problems.length > 0);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Connectors</h1>
      </header>
      {connectors.isPending && <Waiting rows={8} />}
      {connectors.isError && (
        <ProblemNotice error={connectors.error} retry={() => void connectors.refetch()} />
      )}
      {connectors.isSuccess && all.length === 0 && (
        <Empty title="No connector">The local sandbox is built in; this server answers without it.</Empty>
      )}
      {problems.map((each) => (
        <div key={each.connector_id} className="notice" data-tone="blocked">
          <strong>{each.connector_id} is not ready</strong>
          {each.problems.map((problem) => (
            <p key={problem.code}>
              {problem.message} <span className="remedy">{problem.remedy}</span>
            </p>
          ))}
        </div>
      ))}
      {all.length > 0 && (
        <div className="card table-scroll">
          <table className="grid matrix">
            <thead>
              <tr>
                <th scope="col">Can it</th>
                {all.map((each) => (
                  <th key={each.connector_id} scope="col">
                    <span className="stack tight">
                      <strong>{each.connector_id}</strong>
                      <Status
                        status={each.is_ready ? "succeeded" : "blocked"}
                        says={each.is_ready ? "ready" : "not ready"}
                        quiet
                      />
                    </span>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {ROWS.map((row) => (
                <tr key={row}>
                  <th scope="row">{capital(spoken(row.replace(/^is_/, "")))}</th>
                  {all.map((each) => (
                    <td key={each.connector_id}>
                      <Cell value={each.capabilities[row]} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
