/* Who is told of a project outside the page: the server's targets, and how they do. Targets hold passwords and
   are the operator's own setting, so that they are shown here and never changed. */
import { useQuery } from "@tanstack/react-query";
import { ProblemNotice, Waiting } from "../../parts/notice";
import { Status } from "../../parts/status";
import { visible } from "../../parts/visible";
import { statusQuery } from "../../wire/queries";
import type { ProjectOut } from "../../wire/schema";

export function Notices({ project }: { project: ProjectOut }) {
  const server = useQuery(statusQuery);
  if (server.isPending) return <Waiting rows={2} />;
  if (server.isError) return <ProblemNotice error={server.error} />;
  const told = server.data.notices.filter(
    ({ project_ids }) => project_ids === null || project_ids.includes(project.project_id),
  );
  return (
    <div className="stack tight">
      {told.length === 0 && <p className="soft">Nobody is told of this project outside the page.</p>}
      <ul className="stack tight" aria-label="Who is told">
        {told.map((target) => (
          <li key={target.name} className="stack tight">
            <div className="line wraps">
              <span className="grow wrap">{visible(target.name)}</span>
              <span className="quiet">{target.project_ids === null ? "every project" : "this project"}</span>
              <Status status={target.problem ? "failing" : "ready"} quiet />
            </div>
            {target.problem && <p className="remedy">{visible(target.problem)}</p>}
          </li>
        ))}
      </ul>
      <p className="quiet">
        Told of approvals, failures and held runs. Whoever runs the server sets it, for this project alone
        with its name in front of the address:
      </p>
      <p className="mono wrap">WORKBENCH_NOTIFY="{visible(project.project_id)}=json://host/path"</p>
    </div>
  );
}
