/* Which project the page is about: the address says so; where it does not, the last one looked at. */
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { projectsQuery } from "../../wire/queries";
import type { ProjectOut } from "../../wire/schema";

const KEY = "workbench.project";

function remembered(): string {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** Makes a project the one that pages without a project in their address are about. */
export function remember(projectId: string): void {
  try {
    localStorage.setItem(KEY, projectId);
  } catch {
    // Without storage the page starts at the first project.
  }
}

export interface Here {
  projectId: string;
  project: ProjectOut | null;
  projects: ProjectOut[];
  isKnown: boolean;
}

/** The project at hand; `projectId` is "" until one is known. */
export function useHere(): Here {
  const { projectId: named } = useParams({ strict: false }) as { projectId?: string };
  const { data, isSuccess } = useQuery(projectsQuery);
  const projects = data ?? [];
  const last = remembered();
  const project =
    projects.find(({ project_id }) => project_id === named) ??
    projects.find(({ project_id }) => project_id === last) ??
    projects[0] ??
    null;
  const projectId = named ?? project?.project_id ?? "";
  useEffect(() => {
    if (projectId !== "" && projectId !== remembered()) remember(projectId);
  }, [projectId]);
  return { projectId, project, projects, isKnown: isSuccess };
}
