/* Settings: projects, switches, secrets' names, the kill switch, and how the page looks. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Empty, ProblemNotice, Waiting } from "../../parts/notice";
import { chooseTheme, THEMES, useTheme } from "../../parts/theme";
import { When } from "../../parts/time";
import { capital, count } from "../../parts/words";
import {
  killQuery,
  meQuery,
  projectsQuery,
  secretsQuery,
  statusQuery,
  switchesQuery,
} from "../../wire/queries";
import { removeSecret, setSecret } from "../../wire/requests";
import { useHere } from "../frame/here";
import { KillForm } from "../frame/kill";
import { Approving } from "./approving";
import { Networking } from "./networking";
import { Notices } from "./notices";
import { AddProject } from "./project";
import { SwitchLine } from "./switches";

function Part({ title, hint, children }: { title: string; hint?: string; children: ReactNode }) {
  return (
    <section className="card settings-part">
      <header>
        <h2>{title}</h2>
        {hint && <span className="quiet cut">{hint}</span>}
      </header>
      <div className="card-body stack">{children}</div>
    </section>
  );
}

function Look() {
  const theme = useTheme();
  return (
    <fieldset className="segments">
      <legend className="unseen">Theme</legend>
      {THEMES.map((each) => (
        <button type="button" key={each} aria-pressed={theme === each} onClick={() => chooseTheme(each)}>
          {each === "contrast" ? "high contrast" : each}
        </button>
      ))}
    </fieldset>
  );
}

function Secrets({ projectId }: { projectId: string }) {
  const client = useQueryClient();
  const secrets = useQuery(secretsQuery(projectId));
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const again = () => void client.invalidateQueries({ queryKey: ["secrets"] });
  const add = useMutation({
    mutationFn: () => setSecret({ project_id: projectId, name, value }),
    onSuccess: () => {
      setName("");
      setValue("");
      again();
    },
  });
  const remove = useMutation({
    mutationFn: (each: string) => removeSecret(projectId, each),
    onSuccess: again,
  });
  return (
    <>
      {(secrets.data ?? []).map((secret) => (
        <div key={secret.name} className="line wraps">
          <span className="mono grow">{secret.name}</span>
          <span className="quiet">
            version {secret.version} · {secret.created_by} · <When at={secret.created_at} />
          </span>
          <button type="button" className="button small danger" onClick={() => remove.mutate(secret.name)}>
            Remove {secret.name}
          </button>
        </div>
      ))}
      {secrets.isError && <ProblemNotice error={secrets.error} />}
      {remove.isError && <ProblemNotice error={remove.error} />}
      <form
        className="inline-form"
        autoComplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <input
          aria-label="Name of the secret"
          className="mono"
          placeholder="NAME"
          pattern="[A-Za-z_][A-Za-z0-9_]{0,127}"
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <input
          aria-label="Value of the secret"
          type="password"
          autoComplete="new-password"
          className="grow"
          placeholder="value, never shown again"
          minLength={8}
          required
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
        <button type="submit" className="button" disabled={!name || value.length < 8 || add.isPending}>
          Set
        </button>
      </form>
      {add.isError && <ProblemNotice error={add.error} />}
    </>
  );
}

export function SettingsPage() {
  const { projectId, project } = useHere();
  const me = useQuery(meQuery);
  const server = useQuery(statusQuery);
  const projects = useQuery(projectsQuery);
  const switches = useQuery(switchesQuery(projectId));
  const kill = useQuery(killQuery(projectId));
  return (
    <div className="page narrow">
      <header className="page-head">
        <h1>Settings</h1>
      </header>
      <Part title="Look">
        <Look />
      </Part>
      <Part
        title="Projects"
        hint={projects.data ? count(projects.data.length, "repository", "repositories") : ""}
      >
        <ul className="stack">
          {(projects.data ?? []).map((each) => (
            <li key={each.project_id} className="stack tight">
              <div className="line">
                <strong>{each.name}</strong>
                {each.forbid_self_approval && <span className="pill">four eyes</span>}
                {each.toolchains.map((toolchain) => (
                  <span key={toolchain} className="pill">
                    {toolchain}
                  </span>
                ))}
              </div>
              <p className="quiet mono">{each.workspace_root}</p>
              <p className="quiet">
                {each.network_allowlist.length > 0
                  ? `may reach ${each.network_allowlist.join(", ")}`
                  : "reaches no network"}
                {" · "}
                {count(each.env_profiles.length, "environment")}
              </p>
            </li>
          ))}
        </ul>
        <AddProject />
      </Part>
      <Part title="Switches" hint="what may run at all">
        {switches.isPending && <Waiting rows={3} />}
        {switches.isError && <ProblemNotice error={switches.error} />}
        {switches.data?.length === 0 && <Empty title="No switches" />}
        <ul className="stack">
          {(switches.data ?? []).map((flag) => (
            <SwitchLine key={flag.name} flag={flag} />
          ))}
        </ul>
      </Part>
      <Part title="Kill switch" hint={kill.data?.engaged ? "on" : "off"}>
        <KillForm kill={kill.data} />
      </Part>
      {project && (
        <Part title="Approving" hint={`in ${project.name}`}>
          <Approving key={project.project_id} project={project} />
        </Part>
      )}
      {project && (
        <Part title="Network" hint={`of ${project.name}`}>
          <Networking key={project.project_id} project={project} />
        </Part>
      )}
      {project && (
        <Part title="Notices" hint={`of ${project.name}`}>
          <Notices key={project.project_id} project={project} />
        </Part>
      )}
      {projectId && (
        <Part title="Secrets" hint={`of ${project?.name ?? projectId}; names only, values are never shown`}>
          <Secrets projectId={projectId} />
        </Part>
      )}
      <Part title="This server">
        <dl className="facts">
          <dt>You are</dt>
          <dd>
            {me.data?.actor} ({me.data && capital(me.data.role)})
          </dd>
          <dt>Version</dt>
          <dd>{server.data?.version ?? me.data?.version}</dd>
          <dt>State</dt>
          <dd className="mono">{me.data?.home}</dd>
          <dt>Open runs</dt>
          <dd>{server.data?.open_runs}</dd>
        </dl>
      </Part>
    </div>
  );
}
