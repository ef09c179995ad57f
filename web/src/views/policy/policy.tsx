/* The policy of a project: the posture, the layers and where each stands, the rules in force, what is
   remembered, and how one verdict comes about. All of it is the server's word. */
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { Empty, ProblemNotice, Waiting } from "../../parts/notice";
import { Status } from "../../parts/status";
import { When } from "../../parts/time";
import { visible } from "../../parts/visible";
import { capital, count } from "../../parts/words";
import { policyQuery } from "../../wire/queries";
import type { PolicyLayerOut, PolicyOut } from "../../wire/schema";
import { Accept } from "./accept";
import { Explain } from "./explain";
import { AcceptOrganisation } from "./organisation";
import { Remembered } from "./remembered";
import { RuleList } from "./rules";

const route = getRouteApi("/p/$projectId/policy");

const NOTHING: Record<string, string> = {
  organisation: "No policy.cedar lies in the workbench's home.",
  project: "The repository carries no .workbench/policy.cedar.",
};

function Layer({ layer }: { layer: PolicyLayerOut }) {
  return (
    <li className="row row-layer">
      <Status status={layer.state} quiet />
      <div className="stack tight">
        <div className="line wraps">
          <strong>{capital(layer.name)}</strong>
          <span className="quiet mono">{layer.place}</span>
          {layer.rule_ids.length > 0 && (
            <span className="quiet">{count(layer.rule_ids.length, "rule")} in force</span>
          )}
        </div>
        {layer.state === "none" && <p className="quiet">{NOTHING[layer.name]}</p>}
        {layer.state === "not_accepted" && (
          <p className="soft">
            Files lie there that nobody has accepted: they are not in force, and stop nothing.
          </p>
        )}
        {layer.accepted_by && layer.accepted_at && (
          <p className="quiet">
            accepted by {layer.accepted_by} <When at={layer.accepted_at} />
          </p>
        )}
        {layer.note && <p className="notice">{capital(layer.note)}.</p>}
        {layer.problem && (
          <div className="notice" data-tone="failed">
            <p className="mono">{visible(layer.problem)}</p>
            <p className="remedy">{capital(layer.remedy)}</p>
          </div>
        )}
      </div>
    </li>
  );
}

function Standing({ policy }: { policy: PolicyOut }) {
  return (
    <section className="card" aria-label="Layers">
      <header>
        <h2>Layers</h2>
        <span className="quiet cut">the strictest of them wins</span>
      </header>
      <ul className="rows">
        {policy.layers.map((layer) => (
          <Layer key={layer.name} layer={layer} />
        ))}
      </ul>
    </section>
  );
}

export function PolicyPage() {
  const { projectId } = route.useParams();
  const policy = useQuery(policyQuery(projectId));
  const found = policy.data;
  return (
    <div className="page">
      <header className="page-head">
        <h1>Policy</h1>
        {found && <span className="pill">{found.posture}</span>}
        <span className="grow" />
        {found && <span className="quiet">posture set in {found.posture_from}</span>}
      </header>
      {policy.isPending && <Waiting rows={8} />}
      {policy.isError && <ProblemNotice error={policy.error} retry={() => void policy.refetch()} />}
      {found && (
        <>
          {found.problem && (
            <div className="notice" data-tone="failed" role="alert">
              <strong>Nothing starts in this project</strong>
              <p>Its policy cannot be in force as it lies there. What is wrong stands at the layer below.</p>
            </div>
          )}
          <Standing policy={found} />
          {found.layers.some(({ moves }) => moves.includes("accept")) && <AcceptOrganisation />}
          {found.moves.length > 0 && <Accept key={found.digest} policy={found} />}
          <Explain projectId={projectId} />
          <Remembered projectId={projectId} />
          {found.rules.length > 0 ? <RuleList rules={found.rules} /> : <Empty title="No rule is in force" />}
          {found.policy_digest && (
            <p className="quiet mono cut" title={found.policy_digest}>
              policy {found.policy_digest}
            </p>
          )}
        </>
      )}
    </div>
  );
}
