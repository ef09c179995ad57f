/* Which names a project's commands may reach: added and removed one by one. What a name may look like is the
   server's word; without the move to change it, the list is only shown. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ProblemNotice } from "../../parts/notice";
import { addProject } from "../../wire/requests";
import type { ProjectOut } from "../../wire/schema";

export function Networking({ project }: { project: ProjectOut }) {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const names = project.network_allowlist;
  const save = useMutation({
    // One name and no whole list: the list may have changed since it was shown.
    mutationFn: (change: { network_add?: string[]; network_remove?: string[] }) =>
      addProject({ path: project.workspace_root, ...change }),
    onSuccess: async () => {
      setName("");
      await client.invalidateQueries({ queryKey: ["projects"] });
    },
  });
  const mayChange = project.moves.includes("change");
  return (
    <div className="stack tight">
      {names.length === 0 && <p className="soft">Commands of this project reach no network.</p>}
      <ul className="stack tight" aria-label="Names that may be reached">
        {names.map((each) => (
          <li key={each} className="line">
            <span className="mono grow wrap">{each}</span>
            {mayChange && (
              <button
                type="button"
                className="button small danger"
                aria-label={`Remove ${each}`}
                disabled={save.isPending}
                onClick={() => save.mutate({ network_remove: [each] })}
              >
                Remove
              </button>
            )}
          </li>
        ))}
      </ul>
      {mayChange ? (
        <form
          className="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim()) save.mutate({ network_add: [name.trim()] });
          }}
        >
          <input
            aria-label="Name to allow"
            className="mono grow"
            placeholder="example.org, or example.org:8443"
            spellCheck={false}
            autoCapitalize="none"
            value={name}
            onChange={(event) => {
              setName(event.target.value);
              save.reset();
            }}
          />
          <button type="submit" className="button" disabled={!name.trim() || save.isPending}>
            Allow this name
          </button>
        </form>
      ) : (
        <p className="quiet">An admin changes this list.</p>
      )}
      <p className="quiet">
        A name, with a port or for 80 and 443; *.example.org opens the names below it. Each connection is an
        event of its run.
      </p>
      {save.isError && <ProblemNotice error={save.error} />}
    </div>
  );
}
