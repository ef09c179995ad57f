/* Accepting the organisation's policy files, which hold in every project: what they change is shown first, and
   exactly what was shown is accepted. It is there when the server says that this actor may. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Fold, ProblemNotice } from "../../parts/notice";
import { visible } from "../../parts/visible";
import { capital, count } from "../../parts/words";
import { acceptOrganisation, previewOrganisation } from "../../wire/requests";
import type { OrganisationPreviewOut } from "../../wire/schema";
import { Difference, LAST, Proof, Replayed } from "./change";

function Shown({ change }: { change: OrganisationPreviewOut }) {
  if (change.problem)
    return (
      <div className="notice" data-tone="failed" role="alert">
        <strong>These files would be refused</strong>
        <p className="mono">{visible(change.problem)}</p>
        <p className="remedy">{capital(change.remedy)}</p>
      </div>
    );
  return (
    <div className="stack">
      <dl className="facts">
        <dt>In force then</dt>
        <dd className="mono">{change.rules.join(", ") || "no rule"}</dd>
        <dt>Verdicts</dt>
        <dd>
          {count(change.changes.length, "verdict")} of the last {change.replayed} of all projects would be
          another one
        </dd>
      </dl>
      <Replayed changes={change.changes} />
      <Proof findings={change.findings} />
      <Fold title="Difference to what is recorded" open>
        <Difference lines={change.difference} />
      </Fold>
    </div>
  );
}

export function AcceptOrganisation() {
  const client = useQueryClient();
  const preview = useMutation({ mutationFn: () => previewOrganisation(LAST) });
  const accept = useMutation({
    mutationFn: acceptOrganisation,
    onSuccess: () => client.invalidateQueries({ queryKey: ["policy"] }),
  });
  const change = preview.data;
  return (
    <section className="card" aria-label="Organisation's files">
      <header>
        <h2>Organisation's files</h2>
        <span className="quiet cut">as they lie in the workbench's home now</span>
      </header>
      <div className="card-body stack">
        <div className="line wraps">
          <button
            type="button"
            className="button"
            disabled={preview.isPending}
            onClick={() => {
              accept.reset();
              preview.mutate();
            }}
          >
            {preview.isPending ? "Judging the last verdicts anew" : "Show what accepting changes"}
          </button>
        </div>
        {preview.isError && <ProblemNotice error={preview.error} />}
        {change && <Shown change={change} />}
        {change?.moves.includes("accept") && (
          <div className="line wraps">
            <button
              type="button"
              className="button primary"
              disabled={accept.isPending}
              onClick={() => accept.mutate(change.digest)}
            >
              {change.digest ? "Accept these files" : "Accept that there is none"}
            </button>
            <span className="quiet">in force in every project at once, and in the audit log</span>
          </div>
        )}
        {accept.isError && <ProblemNotice error={accept.error} />}
      </div>
    </section>
  );
}
