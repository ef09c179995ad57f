/* The left rail: the project and the pages. Icons alone when narrow, a bottom bar on a phone. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import {
  BookCheck,
  ChartNoAxesColumn,
  Check,
  ChevronsUpDown,
  Ellipsis,
  Settings as Gear,
  House,
  ListChecks,
  Plug,
  ShieldCheck,
  SquareTerminal,
  Stamp,
} from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { visible } from "../../parts/visible";
import { pathEnd } from "../../parts/words";
import { approvalsQuery } from "../../wire/queries";
import { useHere } from "./here";

interface Place {
  name: string;
  to: string;
  icon: ReactNode;
  count?: number;
}

/** The pages of the rail, in order; without a project the first page explains how to add one. */
export function usePlaces(): Place[] {
  const { projectId } = useHere();
  const { data: waiting } = useQuery(approvalsQuery(projectId, "pending"));
  const of = (page: string) => (projectId ? `/p/${encodeURIComponent(projectId)}/${page}` : `/${page}`);
  return [
    { name: "Home", to: "/", icon: <House aria-hidden /> },
    { name: "Features", to: of("features"), icon: <ListChecks aria-hidden /> },
    { name: "Runs", to: of("runs"), icon: <SquareTerminal aria-hidden /> },
    { name: "Approvals", to: of("approvals"), icon: <Stamp aria-hidden />, count: waiting?.length ?? 0 },
    { name: "Connectors", to: of("connectors"), icon: <Plug aria-hidden /> },
    { name: "Policy", to: of("policy"), icon: <ShieldCheck aria-hidden /> },
    { name: "Program", to: "/program", icon: <ChartNoAxesColumn aria-hidden /> },
    { name: "Audit", to: "/audit", icon: <BookCheck aria-hidden /> },
    { name: "Settings", to: "/settings", icon: <Gear aria-hidden /> },
  ];
}

function ProjectSwitcher() {
  const { project, projects, missing } = useHere();
  const navigate = useNavigate();
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger className="project-switcher" aria-label={`Project: ${project?.name ?? "none"}`}>
        <span className="project-mark" aria-hidden="true">
          {(project?.name ?? "W").slice(0, 1).toUpperCase()}
        </span>
        <span className="rail-word two">
          <strong>{project?.name ?? (missing ? "No such project" : "No project")}</strong>
          <small title={project ? visible(project.workspace_root) : undefined}>
            {project
              ? visible(pathEnd(project.workspace_root))
              : missing
                ? "choose another"
                : "add one to begin"}
          </small>
        </span>
        <ChevronsUpDown className="rail-word" aria-hidden />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="start" sideOffset={4}>
          {projects.map(({ project_id, name }) => (
            <DropdownMenu.Item
              key={project_id}
              onSelect={() => navigate({ to: "/p/$projectId/features", params: { projectId: project_id } })}
            >
              <span className="grow">{name}</span>
              {project_id === project?.project_id && <Check aria-hidden />}
            </DropdownMenu.Item>
          ))}
          <DropdownMenu.Item onSelect={() => navigate({ to: "/settings" })}>Add a project…</DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

const ON_A_PHONE = 4;

export function Rail() {
  const places = usePlaces();
  return (
    <nav className="rail" aria-label="Pages">
      <ProjectSwitcher />
      {places.map(({ name, to, icon, count }, index) => (
        <Link
          key={name}
          to={to}
          className="rail-link"
          aria-label={name}
          title={name}
          data-late={index >= ON_A_PHONE || undefined}
          activeOptions={{ exact: to === "/", includeSearch: false }}
          activeProps={{ "aria-current": "page" }}
        >
          {icon}
          <span className="rail-word">{name}</span>
          {count ? (
            <span className="count rail-count" data-tone="blocked">
              {count}
              <span className="unseen"> waiting</span>
            </span>
          ) : null}
        </Link>
      ))}
      <DropdownMenu.Root>
        <DropdownMenu.Trigger className="rail-link rail-more" aria-label="More pages">
          <Ellipsis aria-hidden />
          <span className="rail-word">More</span>
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content className="menu" side="top" align="end" sideOffset={6}>
            {places.slice(ON_A_PHONE).map(({ name, to, icon }) => (
              <DropdownMenu.Item key={name} asChild>
                <Link to={to}>
                  {icon} {name}
                </Link>
              </DropdownMenu.Item>
            ))}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
    </nav>
  );
}
