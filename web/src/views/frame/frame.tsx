/* The frame around every page: rail, top bar, live connection, the keys that work everywhere. */
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouter, useRouterState } from "@tanstack/react-router";
import { Search } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { moveRow, useKeys } from "../../parts/keys";
import { Empty, ProblemNotice, Waiting } from "../../parts/notice";
import { visible } from "../../parts/visible";
import { shortId } from "../../parts/words";
import { LiveView, useLive } from "../../stream/live";
import type { Link as StreamLink } from "../../stream/view";
import { asProblem } from "../../wire/ask";
import { featuresQuery, meQuery, projectsQuery } from "../../wire/queries";
import { ReviewDialog } from "../review/review";
import { useHere } from "./here";
import { KeySheet } from "./keysheet";
import { KillBar, KillState } from "./kill";
import { LinkNeeded } from "./link";
import { Palette } from "./palette";
import { Rail } from "./rail";

const LINK_WORDS: Record<StreamLink, string> = {
  connecting: "Connecting",
  live: "Live",
  lost: "Connection lost, coming back",
  refused: "Signed out",
};

function LiveDot() {
  const { link } = useLive();
  const { projectId } = useHere();
  if (!projectId) return null;
  return (
    <span className="live" data-link={link} title={LINK_WORDS[link]} aria-live="polite">
      <span className="live-dot" aria-hidden="true" />
      <span className="bar-word">{LINK_WORDS[link]}</span>
    </span>
  );
}

function Crumbs() {
  const { project, projectId, missing } = useHere();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const features = useQuery(featuresQuery(projectId));
  const parts = path.split("/").filter(Boolean);
  const inProject = parts[0] === "p";
  const page = inProject ? parts[2] : parts[0];
  const thing = inProject && parts[3] ? decodeURIComponent(parts[3]) : "";
  const name =
    page === "features"
      ? (features.data?.find(({ feature_id }) => feature_id === thing)?.title ?? thing)
      : shortId(thing);
  useEffect(() => {
    const words = [thing ? name : (page ?? "home"), project?.name, "Workbench"];
    document.title = words.filter(Boolean).join(" · ");
  }, [thing, name, page, project?.name]);
  return (
    <nav className="crumbs" aria-label="Where you are">
      {inProject && <span className="quiet cut bar-word">{project?.name ?? (missing || projectId)}</span>}
      {inProject && <span className="quiet bar-word">/</span>}
      {thing && !missing ? (
        <Link to={`/p/${encodeURIComponent(projectId)}/${page}`} className="crumb">
          {page}
        </Link>
      ) : (
        <span className="crumb">{page ?? "home"}</span>
      )}
      {thing && <span className="quiet">/</span>}
      {thing && <span className="cut">{name}</span>}
    </nav>
  );
}

/** Where the address names a project that there is not: nothing of another one is shown in its place. */
function NoSuchProject({ missing }: { missing: string }) {
  const { projects } = useHere();
  const { refetch } = useQuery(projectsQuery);
  // It may have been added since the list was read.
  useEffect(() => {
    if (missing) void refetch();
  }, [missing, refetch]);
  return (
    <div className="page narrow">
      <Empty title="There is no such project">
        <p>
          <code>{visible(missing)}</code> is not, or no longer, a project of this workbench, or not one that
          you may see.
        </p>
        {projects.map(({ project_id, name }) => (
          <p key={project_id}>
            <Link to="/p/$projectId/features" params={{ projectId: project_id }}>
              {name}
            </Link>
          </p>
        ))}
        <Link to="/">Go home</Link>
      </Empty>
    </div>
  );
}

/** Puts the reader's focus and the screen reader at the new page after a move. */
function useFocusOnMove() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const main = useRef<HTMLElement>(null);
  const last = useRef(path);
  useEffect(() => {
    if (last.current === path) return;
    last.current = path;
    main.current?.focus({ preventScroll: true });
    main.current?.scrollTo(0, 0);
  }, [path]);
  return main;
}

type Sheet = "palette" | "keys" | "review" | null;

function Inside() {
  const { projectId, missing } = useHere();
  const navigate = useNavigate();
  const router = useRouter();
  const [sheet, setSheet] = useState<Sheet>(null);
  const main = useFocusOnMove();
  const of = (page: string) => () =>
    void navigate({ to: projectId ? `/p/${encodeURIComponent(projectId)}/${page}` : "/" });
  useKeys({
    "g h": () => void navigate({ to: "/" }),
    "g f": of("features"),
    "g r": of("runs"),
    "g a": of("approvals"),
    "g c": of("connectors"),
    "g y": of("policy"),
    "g p": () => void navigate({ to: "/program" }),
    "g s": () => void navigate({ to: "/settings" }),
    "/": () => {
      const field = document.querySelector<HTMLElement>("main input[type=search]");
      if (field) field.focus();
      else setSheet("palette");
    },
    "Ctrl+k": () => setSheet("palette"),
    "?": () => setSheet("keys"),
    j: () => moveRow(1),
    k: () => moveRow(-1),
    ArrowDown: () => moveRow(1),
    ArrowUp: () => moveRow(-1),
    Escape: () => {
      if (document.querySelector("[data-radix-popper-content-wrapper]")) return;
      if (router.history.canGoBack()) router.history.back();
    },
  });
  return (
    <div className="frame">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <Rail />
      <div className="frame-right">
        <KillBar />
        <header className="bar">
          <Crumbs />
          <span className="grow" />
          <button
            type="button"
            className="bar-search"
            onClick={() => setSheet("palette")}
            aria-label="Go anywhere"
          >
            <Search aria-hidden />
            <span className="bar-word">Go anywhere</span>
            <kbd className="bar-word">Ctrl K</kbd>
          </button>
          <KillState />
          <LiveDot />
        </header>
        <main id="main" tabIndex={-1} ref={main}>
          {missing ? <NoSuchProject missing={missing} /> : <Outlet />}
        </main>
      </div>
      {sheet === "palette" && <Palette close={() => setSheet(null)} ask={() => setSheet("review")} />}
      {sheet === "keys" && <KeySheet close={() => setSheet(null)} />}
      {sheet === "review" && <ReviewDialog projectId={projectId} close={() => setSheet(null)} />}
    </div>
  );
}

export function Frame() {
  const me = useQuery(meQuery);
  const { projectId } = useHere();
  if (me.isPending) return <Waiting rows={3} />;
  if (me.isError) {
    if (asProblem(me.error).status === 401) return <LinkNeeded />;
    if (!me.data)
      return (
        <main className="alone">
          <ProblemNotice error={me.error} retry={() => void me.refetch()} />
        </main>
      );
  }
  return (
    <LiveView key={projectId} projectId={projectId}>
      <Inside />
    </LiveView>
  );
}
