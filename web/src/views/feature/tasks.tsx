/* A feature's tasks by phase, with what each waits for and where it is written. */
import { Empty } from "../../parts/notice";
import { Status } from "../../parts/status";
import { visible } from "../../parts/visible";
import { spoken } from "../../parts/words";
import type { FeatureDetailOut, PhaseOut, TaskOut } from "../../wire/schema";
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

function Group({ phase, tasks, open }: { phase: PhaseOut | undefined; tasks: TaskOut[]; open: OpenAt }) {
  const done = tasks.filter(({ status }) => status === "done").length;
  return (
    <section className="card" aria-label={phase?.title || "Tasks without a phase"}>
      <header className="phase">
        <h3 className="cut">{visible(phase?.title || "Tasks")}</h3>
        {phase && <Status status={phase.status} quiet />}
        {phase?.declared_status && (
          <span className="quiet wide-only">declared: {visible(spoken(phase.declared_status))}</span>
        )}
        <span className="grow" />
        {phase && (
          <button
            type="button"
            className="source cut"
            title={`${visible(phase.path)}:${phase.line}`}
            onClick={() => open(phase.path, phase.line)}
          >
            {visible(phase.path.split("/").at(-1) ?? "")}:{phase.line}
          </button>
        )}
        <span className="number quiet">
          {done}/{tasks.length}
        </span>
      </header>
      {tasks.length === 0 && <p className="row quiet">no tasks written down</p>}
      <ul className="rows">
        {tasks.map((task) => (
          <Task key={`${task.task_id} ${task.path}:${task.line}`} task={task} open={open} />
        ))}
      </ul>
    </section>
  );
}

/** Every phase in its order, with or without tasks, and then what stands under none of them. */
export function Tasks({ feature, open }: { feature: FeatureDetailOut; open: OpenAt }) {
  if (feature.task_list.length === 0 && feature.phases.length === 0)
    return (
      <Empty title="No tasks are written down">
        A task list in this feature's documents shows up here, by phase.
      </Empty>
    );
  const known = new Set(feature.phases.map(({ phase_id }) => phase_id));
  const others = feature.task_list.filter(({ phase }) => !known.has(phase));
  return (
    <div className="stack">
      {feature.phases.map((phase) => (
        <Group
          key={phase.phase_id}
          phase={phase}
          tasks={feature.task_list.filter((task) => task.phase === phase.phase_id)}
          open={open}
        />
      ))}
      {others.length > 0 && <Group phase={undefined} tasks={others} open={open} />}
    </div>
  );
}
