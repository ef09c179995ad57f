/* Adding a repository as a project, in one line. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ProblemNotice } from "../../parts/notice";
import { addProject } from "../../wire/requests";

export function AddProject() {
  const [path, setPath] = useState("");
  const client = useQueryClient();
  const navigate = useNavigate();
  const add = useMutation({
    mutationFn: () => addProject({ path: path.trim() }),
    onSuccess: async (project) => {
      await client.invalidateQueries({ queryKey: ["projects"] });
      void navigate({ to: "/p/$projectId/features", params: { projectId: project.project_id } });
    },
  });
  return (
    <form
      className="stack tight"
      onSubmit={(event) => {
        event.preventDefault();
        if (path.trim()) add.mutate();
      }}
    >
      <div className="inline-form">
        <input
          aria-label="Path of a repository"
          className="mono grow"
          placeholder="/path/to/a/repository"
          value={path}
          maxLength={4096}
          onChange={(event) => setPath(event.target.value)}
        />
        <button type="submit" className="button" disabled={!path.trim() || add.isPending}>
          Add project
        </button>
      </div>
      {add.isError && <ProblemNotice error={add.error} />}
    </form>
  );
}
