/* Every address of the page, and the view that answers it. */
import { createRootRoute, createRoute, createRouter, Link, Navigate } from "@tanstack/react-router";
import { Empty, ProblemNotice, Waiting } from "../parts/notice";
import { ApprovalsPage } from "./approvals/approvals";
import { DecisionPage } from "./approvals/one";
import { AuditPage } from "./audit/audit";
import { ConnectorsPage } from "./connectors/connectors";
import { FeaturePage } from "./feature/feature";
import { FeaturesPage } from "./features/features";
import { Frame } from "./frame/frame";
import { remember, useHere } from "./frame/here";
import { HomePage } from "./home/home";
import { PolicyPage } from "./policy/policy";
import { ProgramPage } from "./program/program";
import { ReviewPage } from "./review/page";
import { RunPage } from "./run/run";
import { RunsPage } from "./runs/runs";
import { SettingsPage } from "./settings/settings";

/** What may stand behind the question mark of an address; each may be left out. */
type Optional<Name extends string> = { [Key in Name]?: string | undefined };

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;

const whole = (value: unknown): number | undefined => {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number : undefined;
};

function LeadOn({ page }: { page: string }) {
  const { projectId, isKnown } = useHere();
  if (!isKnown) return <Waiting rows={6} />;
  return <Navigate to={projectId ? `/p/${encodeURIComponent(projectId)}/${page}` : "/"} replace />;
}

/** The home of the project in the address; one that there is not is never remembered. */
function ProjectHome() {
  const { project, projectId } = useHere();
  if (project === null) return <Waiting rows={6} />;
  remember(projectId);
  return <Navigate to="/" replace />;
}

const root = createRootRoute({
  component: Frame,
  notFoundComponent: () => (
    <div className="page">
      <Empty title="Nothing lives at this address">
        <Link to="/">Go home</Link>
      </Empty>
    </div>
  ),
  errorComponent: ({ error, reset }) => (
    <div className="page">
      <ProblemNotice error={error} retry={reset} />
    </div>
  ),
});

const home = createRoute({ getParentRoute: () => root, path: "/", component: HomePage });
/** A project's address is its home: the page remembers which one. */
const project = createRoute({ getParentRoute: () => root, path: "/p/$projectId", component: ProjectHome });
const features = createRoute({
  getParentRoute: () => root,
  path: "/p/$projectId/features",
  component: FeaturesPage,
  validateSearch: (search): Optional<"q" | "status"> => ({ q: text(search.q), status: text(search.status) }),
});
const feature = createRoute({
  getParentRoute: () => root,
  path: "/p/$projectId/features/$featureId",
  component: FeaturePage,
  validateSearch: (search): Optional<"tab" | "doc" | "review"> & { line?: number | undefined } => ({
    tab: text(search.tab),
    doc: text(search.doc),
    line: whole(search.line),
    review: text(search.review),
  }),
});
const runs = createRoute({
  getParentRoute: () => root,
  path: "/p/$projectId/runs",
  component: RunsPage,
  validateSearch: (search): Optional<"status" | "feature_id" | "q"> => ({
    status: text(search.status),
    feature_id: text(search.feature_id),
    q: text(search.q),
  }),
});
const run = createRoute({
  getParentRoute: () => root,
  path: "/p/$projectId/runs/$runId",
  component: RunPage,
});
const approvals = createRoute({
  getParentRoute: () => root,
  path: "/p/$projectId/approvals",
  component: ApprovalsPage,
  validateSearch: (search): Optional<"status"> => ({ status: text(search.status) }),
});
const approval = createRoute({
  getParentRoute: () => root,
  path: "/p/$projectId/approvals/$approvalId",
  component: DecisionPage,
});
/** Where a notice leads: the approval alone says which project it is of. */
const decision = createRoute({
  getParentRoute: () => root,
  path: "/approvals/$approvalId",
  component: DecisionPage,
});
const connectors = createRoute({
  getParentRoute: () => root,
  path: "/p/$projectId/connectors",
  component: ConnectorsPage,
});
const policy = createRoute({
  getParentRoute: () => root,
  path: "/p/$projectId/policy",
  component: PolicyPage,
});
const reviewed = createRoute({
  getParentRoute: () => root,
  path: "/p/$projectId/review",
  component: ReviewPage,
  validateSearch: (search): Optional<"command" | "cwd" | "connector" | "feature_id" | "rule_id"> => ({
    command: text(search.command),
    cwd: text(search.cwd),
    connector: text(search.connector),
    feature_id: text(search.feature_id),
    rule_id: text(search.rule_id),
  }),
});
const audit = createRoute({ getParentRoute: () => root, path: "/audit", component: AuditPage });
const program = createRoute({ getParentRoute: () => root, path: "/program", component: ProgramPage });
const settings = createRoute({ getParentRoute: () => root, path: "/settings", component: SettingsPage });
/** A project's page, asked for without saying whose: the project at hand, or the first page, which says how
    to add one. */
const unnamed = ["features", "runs", "approvals", "connectors", "policy"].map((path) =>
  createRoute({ getParentRoute: () => root, path: `/${path}`, component: () => <LeadOn page={path} /> }),
);

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    project,
    features,
    feature,
    runs,
    run,
    approvals,
    approval,
    decision,
    connectors,
    policy,
    reviewed,
    audit,
    program,
    settings,
    ...unnamed,
  ]),
  defaultPreload: false,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
