/* A feature's tasks by phase, with what each waits for and where it is written. */
import { Empty } from "../../parts/notice";
import { Status } from "../../parts/status";
import type { FeatureDetailOut, TaskOut } from "../../wire/schema";
import type { OpenAt } from "./evidence";

function Task({ task, open }: { task: TaskOut; open: OpenAt }) {
  return (
    <li className="row row-task" data-row>
      <Status status={task.status} quiet />
      <span className="two">
        <button type="button" className="row-link plain-button" onClick={() => open(task.path, task.line)}>
          <span className="mono quiet">{task.task_id}</span> {task.title}
        </button>
        {(task.depends_on.length > 0 || task.requirements.length > 0) && (
          <small>
            {task.depends_on.length > 0 && `after ${task.depends_on.join(", ")}`}
            {task.depends_on.length > 0 && task.requirements.length > 0 && " · "}
            {task.requirements.length > 0 && `for ${task.requirements.join(", ")}`}
          </small>
        )}
      </span>
      {task.is_parallel && <span className="pill">parallel</span>}
    </li>
  );
}

export function Tasks({ feature, open }: { feature: FeatureDetailOut; open: OpenAt }) {
  if (feature.task_list.length === 0)
    return (
      <Empty title="No tasks are written down">
        A task list in this feature's documents shows up here, by phase.
      </Empty>
    );
  const known = new Map(feature.phases.map((phase) => [phase.phase_id, phase]));
  const groups = new Map<string, TaskOut[]>();
  for (const task of feature.task_list) groups.set(task.phase, [...(groups.get(task.phase) ?? []), task]);
  return (
    <div className="stack">
      {[...groups].map(([phaseId, tasks]) => {
        const phase = known.get(phaseId);
        const done = tasks.filter(({ status }) => status === "done").length;
        return (
          <section key={phaseId} className="card">
            <header>
              <h3 className="cut">{phase?.title || phaseId || "Tasks"}</h3>
              {phase && <Status status={phase.status} quiet />}
              <span className="grow" />
              <span className="number quiet">
                {done}/{tasks.length}
              </span>
            </header>
            <ul className="rows">
              {tasks.map((task) => (
                <Task key={`${task.task_id} ${task.path}:${task.line}`} task={task} open={open} />
              ))}
            </ul>
          </section>
        );
      })}
    </div>
  );
}
