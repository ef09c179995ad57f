/* The roadmap's own numbers: gates with their evidence, metrics with numerator and denominator. */
import { useQuery } from "@tanstack/react-query";
import { Empty, ProblemNotice, Waiting } from "../../parts/notice";
import { Status } from "../../parts/status";
import { spoken } from "../../parts/words";
import { gatesQuery, metricsQuery } from "../../wire/queries";
import type { MetricOut } from "../../wire/schema";
import { useHere } from "../frame/here";

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

function measured({ value, unit }: MetricOut): string {
  if (value === null) return "–";
  if (unit === "share" || unit === "ratio") return `${NUMBER.format(value * 100)} %`;
  return `${NUMBER.format(value)} ${unit}`;
}

export function ProgramPage() {
  const { projectId } = useHere();
  const gates = useQuery(gatesQuery(projectId));
  const metrics = useQuery(metricsQuery(projectId));
  const phases = [...new Set((gates.data ?? []).map(({ phase }) => phase))];
  return (
    <div className="page">
      <header className="page-head">
        <h1>Program</h1>
      </header>
      {!projectId && (
        <Empty title="No project yet">Gates and metrics are computed from a project's record.</Empty>
      )}
      {projectId && gates.isPending && <Waiting rows={6} />}
      {gates.isError && <ProblemNotice error={gates.error} retry={() => void gates.refetch()} />}
      {phases.map((phase) => {
        const ofPhase = (gates.data ?? []).filter((gate) => gate.phase === phase);
        const passed = ofPhase.filter(({ state }) => state === "pass").length;
        return (
          <section key={phase} className="card">
            <header>
              <h2>{spoken(phase)}</h2>
              <span className="grow" />
              <span className="quiet number">
                {passed}/{ofPhase.length} pass
              </span>
            </header>
            <ul className="rows">
              {ofPhase.map((gate) => (
                <li key={gate.gate_id} className="row row-gate">
                  <Status status={gate.state} quiet />
                  <span className="two">
                    <span>{gate.text}</span>
                    <small className="wrap">{gate.evidence}</small>
                  </span>
                </li>
              ))}
            </ul>
          </section>
        );
      })}
      {gates.isSuccess && gates.data.length === 0 && (
        <Empty title="No gates">The roadmap names none for this project.</Empty>
      )}
      {metrics.isError && <ProblemNotice error={metrics.error} retry={() => void metrics.refetch()} />}
      {(metrics.data ?? []).length > 0 && (
        <section className="stack">
          <h2>Metrics</h2>
          <ul className="tiles">
            {(metrics.data ?? []).map((metric) => (
              <li key={metric.metric_id} className="card card-body stack tight">
                <strong className="tile-number">{measured(metric)}</strong>
                <span>{metric.text}</span>
                <span className="quiet">
                  {metric.numerator} of {metric.denominator} · target {metric.target}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
