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
  /** The id in the address that is no project's, or "". */
  missing: string;
}

/** The project at hand; `projectId` is "" until one is known, and where the address names none there is. */
export function useHere(): Here {
  const { projectId: named } = useParams({ strict: false }) as { projectId?: string };
  const { data, isSuccess } = useQuery(projectsQuery);
  const projects = data ?? [];
  const last = remembered();
  const ofAddress = projects.find(({ project_id }) => project_id === named);
  const missing = named !== undefined && isSuccess && !ofAddress ? named : "";
  const project = missing
    ? null
    : (ofAddress ?? projects.find(({ project_id }) => project_id === last) ?? projects[0] ?? null);
  const projectId = missing ? "" : (named ?? project?.project_id ?? "");
  useEffect(() => {
    if (project !== null && projectId !== remembered()) remember(projectId);
  }, [project, projectId]);
  return { projectId, project, projects, isKnown: isSuccess, missing };
}
