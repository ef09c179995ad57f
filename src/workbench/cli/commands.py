"""The tree of subcommands: names, options and help. Each body imports what it needs when it is called."""

from __future__ import annotations

import functools
import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from workbench.cli.accepting import accept
from workbench.cli.migrating import migrate
from workbench.cli.named import check_id
from workbench.cli.previewing import preview
from workbench.cli.switching import kill, list_switches, resume, set_switch, unkill
from workbench.cli.transcripts import add_retention, add_transcripts
from workbench.cli.version import say_version
from workbench.cli.working import Pool, Priority, worker
from workbench.model.place import DEFAULT_POOL

Repo = Annotated[str | None, typer.Option("--repo", help="The repository; default: the one around here.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is written into the audit log.")]
Words = Annotated[list[str], typer.Argument(help="The command, after --.")]
Ref = Annotated[str, typer.Argument(help="The run's id.", callback=check_id)]
ApprovalRef = Annotated[str, typer.Argument(help="The approval's id.", callback=check_id)]
TokenRef = Annotated[str, typer.Argument(help="The token's id.", callback=check_id)]
PolicyFile = Annotated[
    str | None, typer.Option("--policy", help="A changed policy file, in the place of the one in force.")
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME[:PORT], *.NAME[:PORT] or ADDRESS:PORT that this run alone may reach; needs an "
        "approval. May come again."
    ),
]
ProjectName = Annotated[str, typer.Option("--project", help="The project: its id, name or folder.")]


@functools.cache
def build() -> TyperGroup:
    """Returns the command line, the same each time."""
    root = typer.Typer(
        name="workbench",
        help="From a repository's own documents to an audited result.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    root.callback()(say_version)
    _add_discovery(root)
    _add_server(root)
    _add_runs(root)
    _add_control(root)
    add_transcripts(root)
    _add_program(root)
    command = typer.main.get_command(root)
    assert isinstance(command, TyperGroup)
    return command


def _add_discovery(root: typer.Typer) -> None:
    @root.command()
    def features(repo: Repo = None, json: Json = False) -> None:
        """List the features that the repository's own documents describe."""
        from workbench.cli.features import show_features

        show_features(repo, json)

    @root.command("next")
    def next_(
        feature: Annotated[
            str | None, typer.Argument(help="One feature; default: the best over all.")
        ] = None,
        repo: Repo = None,
        json: Json = False,
    ) -> None:
        """Show the next command, with the evidence for it."""
        from workbench.cli.features import show_next

        show_next(feature, repo, json)

    policy = typer.Typer(help="What policy says about commands.", no_args_is_help=True)
    root.add_typer(policy, name="policy")
    policy.command("accept")(accept)

    @policy.command("check")
    def check(
        words: Annotated[list[str] | None, typer.Argument(help="The command, after --.")] = None,
        repo: Repo = None,
        cwd: Annotated[str | None, typer.Option(help="Working directory.")] = None,
        env_profile: Annotated[str, typer.Option(help="Environment profile.")] = "default",
        connector: Annotated[str, typer.Option(help="Connector.")] = "local",
        stdin: Annotated[bool, typer.Option("--stdin", help="Read one JSON object a line.")] = False,
        json: Json = False,
    ) -> None:
        """Judge a command without running it. Exit 0 allow, 10 requires approval, 11 deny."""
        from workbench.cli.policy import check_many, check_one

        if stdin:
            sys.exit(check_many(repo, cwd, env_profile, connector))
        sys.exit(check_one(words or [], repo, cwd, env_profile, connector, as_json=json))

    @policy.command("explain")
    def explain(
        words: Annotated[list[str] | None, typer.Argument(help="The command, after --.")] = None,
        repo: Repo = None,
        cwd: Annotated[str | None, typer.Option(help="Working directory.")] = None,
        connector: Annotated[str, typer.Option(help="Connector.")] = "local",
        json: Json = False,
    ) -> None:
        """Show how a verdict comes about: each call, its facts, each rule, and what would change it."""
        from workbench.cli.explain import explain_one

        sys.exit(explain_one(words or [], repo, cwd, connector, as_json=json))

    @policy.command("test")
    def test(repo: Repo = None, json: Json = False) -> None:
        """Try every example beside the rules. Exit 0 when all hold, else 1."""
        from workbench.cli.rules import try_rules

        sys.exit(try_rules(repo, json))

    @policy.command("prove")
    def prove(repo: Repo = None, policy_file: PolicyFile = None, json: Json = False) -> None:
        """Prove the invariants over every combination of facts. Exit 0 when all hold, else 1."""
        from workbench.cli.rules import prove_rules

        sys.exit(prove_rules(repo, policy_file, json))

    @policy.command("replay")
    def replay(
        repo: Repo = None,
        policy_file: PolicyFile = None,
        last: Annotated[int, typer.Option(min=1, max=10_000, help="How many verdicts.")] = 200,
        json: Json = False,
    ) -> None:
        """Show which of the last verdicts in the ledger a changed policy would change."""
        from workbench.cli.rules import replay_verdicts

        sys.exit(replay_verdicts(repo, policy_file, last, json))

    @policy.command("remember")
    def remember(
        run_id: Ref,
        days: Annotated[int, typer.Option(min=1, max=365, help="Until it expires.")] = 30,
        accept: Annotated[bool, typer.Option("--accept", help="Record it; needs an admin.")] = False,
        json: Json = False,
    ) -> None:
        """Show the rule by which a run's program and form would be asked about no more."""
        from workbench.cli.remember import remember_run

        remember_run(run_id, days, accept=accept, as_json=json)

    @policy.command("remembered")
    def remembered(
        repo: Repo = None,
        all_: Annotated[bool, typer.Option("--all", help="Expired and forgotten ones too.")] = False,
        json: Json = False,
    ) -> None:
        """List what is remembered in this project."""
        from workbench.cli.remember import list_remembered

        list_remembered(repo, json, in_force_only=not all_)

    @policy.command("forget")
    def forget(
        rule_id: Annotated[str, typer.Argument(help="The remembered rule's id.", callback=check_id)],
        repo: Repo = None,
    ) -> None:
        """Forget a remembered rule: its commands are asked about again."""
        from workbench.cli.remember import forget_rule

        forget_rule(rule_id, repo)

    audit = typer.Typer(help="The audit log.", no_args_is_help=True)
    root.add_typer(audit, name="audit")

    @audit.command("verify")
    def verify(
        home: Annotated[str | None, typer.Option(help="The home to check; default: this one.")] = None,
        json: Json = False,
    ) -> None:
        """Check every event, chain and state row, offline. Exit 0 or 1."""
        from workbench.cli.audit import verify_audit

        sys.exit(verify_audit(home, json))

    @root.command()
    def doctor(json: Json = False) -> None:
        """Check what this machine must have, with the exact remedy for what it lacks."""
        from workbench.cli.doctor import examine

        sys.exit(examine(json))

    @root.command(hidden=True)
    def openapi() -> None:
        """Print the OpenAPI document."""
        from workbench.app.serve import render_openapi

        sys.stdout.write(render_openapi())


def _add_server(root: typer.Typer) -> None:
    @root.command()
    def up(
        repo: Annotated[list[str] | None, typer.Option("--repo", help="Add this repository.")] = None,
        port: Annotated[
            int | None, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0 takes a free one.")
        ] = None,
        detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready.")] = False,
        no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")] = False,
    ) -> None:
        """Start the server of this home."""
        from workbench.cli.up import up as start

        start(repos=repo or [], port=port, detach=detach, browser=not no_browser)

    root.command()(migrate)
    root.command()(worker)

    @root.command()
    def down() -> None:
        """Stop the server. What runs in the sandbox goes on."""
        from workbench.cli.up import down as stop

        stop()

    @root.command()
    def status(
        json: Json = False,
        link: Annotated[bool, typer.Option("--link", help="Print a one-time link to the page.")] = False,
    ) -> None:
        """Show the server: address, version, projects, open runs."""
        from workbench.cli.up import status as show

        sys.exit(show(as_json=json, link=link))

    @root.command()
    def mcp(
        repo: Repo = None,
        name: Annotated[str, typer.Option(help="Under which name the agent acts: token:NAME.")] = "agent",
        role: Annotated[str, typer.Option(help="What it may do: viewer, operator or approver.")] = "operator",
        person: Annotated[
            str | None, typer.Option(help="For whom it acts and counts. Default: whoever starts it.")
        ] = None,
    ) -> None:
        """Serve the agents' door over MCP on stdin and stdout, for the project here."""
        from workbench.cli.mcp import serve_mcp

        serve_mcp(repo, name, role, person)

    @root.command()
    def demo(
        exit_: Annotated[bool, typer.Option("--exit", help="End after the tour.")] = False,
    ) -> None:
        """Take the whole way once, on a bundled example repository."""
        from workbench.cli.demo import tour

        sys.exit(tour(stay=not exit_))

    project = typer.Typer(help="The projects of this home.", no_args_is_help=True)
    root.add_typer(project, name="project")

    @project.command("add")
    def add(
        path: Annotated[str, typer.Argument(help="The repository's folder.")],
        name: Annotated[str | None, typer.Option(help="Its name.")] = None,
        toolchain: Annotated[
            list[str] | None, typer.Option(help="A folder that commands may see read-only.")
        ] = None,
        allow_host: Annotated[
            list[str] | None,
            typer.Option(
                help="NAME[:PORT], *.NAME[:PORT] or ADDRESS:PORT that its runs may reach; these replace the "
                "list. May come again."
            ),
        ] = None,
        no_network: Annotated[bool, typer.Option("--no-network", help="Empty that list.")] = False,
        forbid_self_approval: Annotated[
            bool | None,
            typer.Option("--forbid-self-approval/--allow-self-approval", help="Ask for a second person."),
        ] = None,
        quorum: Annotated[
            int | None,
            typer.Option(min=0, max=100, help="How many people must approve; 0: as the server is set."),
        ] = None,
        approver: Annotated[
            list[str] | None,
            typer.Option(help="Who approves a risk: high=admin, or high=NAME; may come again."),
        ] = None,
        json: Json = False,
    ) -> None:
        """Make a folder a project, or change the one it is."""
        from workbench.cli.project import add_project

        add_project(
            path,
            name,
            toolchain,
            [] if no_network else allow_host,
            forbid_self_approval,
            quorum,
            approver or [],
            json,
        )

    @project.command("env")
    def env(
        profile: Annotated[str, typer.Argument(help="The environment profile's name.")],
        variable: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; may come again.")] = None,
        secret: Annotated[list[str] | None, typer.Option(help="A secret's name; may come again.")] = None,
        repo: Repo = None,
        json: Json = False,
    ) -> None:
        """Set what an environment profile holds; it replaces the profile of that name."""
        from workbench.cli.project import set_env_profile

        set_env_profile(profile, variable or [], secret or [], repo, json)

    @project.command("accept-policy")
    def accept_policy(
        path: Annotated[str, typer.Argument(help="The project: its id, name or folder.")],
        json: Json = False,
    ) -> None:
        """Put the policy files that a project's repository carries in force, after every check of them."""
        from workbench.cli.project import accept_project_policy

        accept_project_policy(path, json)

    add_retention(project)

    @project.command("list")
    def list_(json: Json = False) -> None:
        """List the projects."""
        from workbench.cli.project import list_projects

        list_projects(json)


def _add_runs(root: typer.Typer) -> None:
    @root.command()
    def run(
        words: Words,
        repo: Repo = None,
        feature: Annotated[str | None, typer.Option(help="The feature it is for.")] = None,
        rule: Annotated[
            str | None, typer.Option(help="The rule that recommended it, as `workbench next` names it.")
        ] = None,
        connector: Annotated[str, typer.Option(help="Where it runs.")] = "local",
        env_profile: Annotated[str, typer.Option(help="Environment profile.")] = "default",
        mode: Annotated[str | None, typer.Option(help="pty or pipe; default: pty on a terminal.")] = None,
        timeout: Annotated[int | None, typer.Option(min=1, help="Seconds until it is stopped.")] = None,
        idle_timeout: Annotated[
            int | None, typer.Option(min=1, help="Seconds without output until it is stopped.")
        ] = None,
        allow_host: AllowHost = None,
        pool: Pool = DEFAULT_POOL,
        priority: Priority = "normal",
        detach: Annotated[bool, typer.Option("--detach", help="Return at once.")] = False,
        json: Json = False,
    ) -> None:
        """Run a command under policy, in the sandbox. Exits with the command's own status.

        74 the server cannot be reached, 75 held for approval, 77 denied by policy, 78 stopped by a switch,
        130 canceled, 124 timed out.
        """
        from workbench.cli.run import run as start

        sys.exit(
            start(
                words=words,
                repo=repo,
                feature=feature,
                rule=rule,
                connector=connector,
                env_profile=env_profile,
                mode=mode,
                timeout=timeout,
                idle_timeout=idle_timeout,
                allow_hosts=allow_host or [],
                pool=pool,
                priority=priority,
                detach=detach,
                as_json=json,
            )
        )

    @root.command()
    def runs(
        repo: Repo = None,
        feature: Annotated[str | None, typer.Option(help="Only this feature's.")] = None,
        status: Annotated[str | None, typer.Option(help="Only with this status.")] = None,
        json: Json = False,
    ) -> None:
        """List the runs, newest first."""
        from workbench.cli.history import list_runs

        list_runs(repo, feature, status, json)

    @root.command()
    def show(run_id: Ref, json: Json = False) -> None:
        """Show one run: status and why, verdict, approvals, events."""
        from workbench.cli.history import show_run

        show_run(run_id, json)

    @root.command()
    def logs(
        run_id: Ref,
        follow: Annotated[bool, typer.Option("--follow", help="Go on until the run has ended.")] = False,
        raw: Annotated[bool, typer.Option("--raw", help="Exact bytes.")] = False,
        text: Annotated[
            bool, typer.Option("--text", help="Plain text without escapes (the default).")
        ] = False,
        asciicast: Annotated[bool, typer.Option("--asciicast", help="An asciicast v2 recording.")] = False,
        asciicast_v3: Annotated[bool, typer.Option("--asciicast-v3", help="The same as v3.")] = False,
        search: Annotated[str | None, typer.Option(help="Only lines that hold this text.")] = None,
    ) -> None:
        """Print a run's output."""
        from workbench.cli.history import print_logs
        from workbench.model.errors import InvalidInput

        if raw + text + asciicast + asciicast_v3 > 1:
            raise InvalidInput(
                "--raw, --text, --asciicast and --asciicast-v3 exclude each other",
                remedy="give one of them, or none for text",
            )
        chosen = {"raw": raw, "asciicast": asciicast, "asciicast-v3": asciicast_v3}
        form = next((name for name, is_chosen in chosen.items() if is_chosen), "text")
        print_logs(run_id, form=form, follow=follow, search=search)

    @root.command()
    def cancel(run_id: Ref, reason: Reason = "") -> None:
        """End a run; it is canceled once no process of it is left."""
        from workbench.cli.control import cancel_run

        cancel_run(run_id, reason)

    @root.command()
    def retry(
        run_id: Ref,
        acknowledge: Annotated[bool, typer.Option("--acknowledge", help="Yes, repeat what it did.")] = False,
        allow_host: AllowHost = None,
        json: Json = False,
    ) -> None:
        """Run an ended run's command again, as a new run."""
        from workbench.cli.control import retry_run

        retry_run(run_id, acknowledge, allow_host or [], json)

    root.command()(resume)
    root.command()(preview)

    @root.command()
    def refresh(run_id: Ref, json: Json = False) -> None:
        """Ask the run's connector where it stands."""
        from workbench.cli.control import refresh_run

        refresh_run(run_id, json)


def _add_control(root: typer.Typer) -> None:
    @root.command()
    def approvals(
        repo: Repo = None,
        all_: Annotated[bool, typer.Option("--all", help="Decided ones too.")] = False,
        json: Json = False,
    ) -> None:
        """List what waits for a decision, riskiest first."""
        from workbench.cli.control import list_approvals

        list_approvals(repo, json, pending_only=not all_)

    @root.command()
    def approve(
        approval_id: ApprovalRef,
        reason: Reason = "",
        edit: Annotated[
            str | None, typer.Option(help="Approve this command in place of the one asked for.")
        ] = None,
        cwd: Annotated[str | None, typer.Option(help="In this folder instead.")] = None,
        timeout: Annotated[
            int | None, typer.Option(min=1, help="With this time limit instead, in seconds.")
        ] = None,
        allow_host: Annotated[
            list[str] | None,
            typer.Option(help="Let this run, and it alone, reach one more network name. Repeatable."),
        ] = None,
        json: Json = False,
    ) -> None:
        """Approve what is held, as it is or edited. An edit is judged anew; the difference is shown first."""
        from workbench.cli.decide import approve_edited, decide

        if edit is None and cwd is None and timeout is None and not allow_host:
            decide(approval_id, "approve", reason, json)
        else:
            wanted = {"command": edit, "cwd": cwd, "timeout_seconds": timeout}
            approve_edited(approval_id, wanted, allow_host or [], reason, json)

    @root.command()
    def deny(approval_id: ApprovalRef, reason: Reason = "", json: Json = False) -> None:
        """Deny what is held; its run is canceled."""
        from workbench.cli.decide import decide

        decide(approval_id, "deny", reason, json)

    root.command()(kill)
    root.command()(unkill)
    switch = typer.Typer(help="The phases' switches.", no_args_is_help=True)
    root.add_typer(switch, name="switch")
    switch.command("list")(list_switches)
    switch.command("set")(set_switch)

    secret = typer.Typer(help="Secrets: set, listed by name, never shown.", no_args_is_help=True)
    root.add_typer(secret, name="secret")

    @secret.command("set")
    def set_secret(name: str, project: ProjectName) -> None:
        """Set a secret; its value comes from stdin or a prompt."""
        from workbench.cli.secret import set_secret as put

        put(name, project)

    @secret.command("list")
    def list_secrets(project: ProjectName, json: Json = False) -> None:
        """List names, versions and ages."""
        from workbench.cli.secret import list_secrets as show

        show(project, json)

    @secret.command("remove")
    def remove_secret(name: str, project: ProjectName) -> None:
        """Forget a secret."""
        from workbench.cli.secret import remove_secret as drop

        drop(name, project)

    token = typer.Typer(help="Access for other people and programs.", no_args_is_help=True)
    root.add_typer(token, name="token")

    @token.command("create")
    def create_token(
        role: Annotated[str, typer.Option(help="viewer, operator, approver or admin.")],
        name: Annotated[str, typer.Option(help="Its name: its holder acts as token:NAME.")] = "unnamed",
        person: Annotated[
            str | None, typer.Option(help="Whose it is; one person's tokens count as one. Default: the name.")
        ] = None,
        project: Annotated[str | None, typer.Option(help="Only this project: id, name or folder.")] = None,
        expires: Annotated[str | None, typer.Option(help="When: 30m, 12h, 7d, or RFC 3339.")] = None,
        json: Json = False,
    ) -> None:
        """Make a token; it is shown once."""
        from workbench.cli.token import create_token as make

        make(name, person, role, project, expires, json)

    @token.command("list")
    def list_tokens(json: Json = False) -> None:
        """List tokens and sessions, without their values."""
        from workbench.cli.token import list_tokens as show

        show(json)

    @token.command("revoke")
    def revoke_token(token_id: TokenRef) -> None:
        """End a token or session at once."""
        from workbench.cli.token import revoke_token as end

        end(token_id)


def _add_program(root: typer.Typer) -> None:
    @root.command()
    def gates(repo: Repo = None, json: Json = False) -> None:
        """Show each phase's entry gates with their evidence."""
        from workbench.cli.program import show_gates

        show_gates(repo, json)

    @root.command()
    def metrics(repo: Repo = None, json: Json = False) -> None:
        """Show the program's numbers with their definitions."""
        from workbench.cli.program import show_metrics

        show_metrics(repo, json)

    connectors = typer.Typer(help="Where runs can go.", invoke_without_command=True)
    root.add_typer(connectors, name="connectors")

    @connectors.callback(invoke_without_command=True)
    def list_connectors(context: typer.Context, json: Json = False) -> None:
        """List the connectors with their capabilities and health."""
        from workbench.cli.program import show_connectors

        if context.invoked_subcommand is None:
            show_connectors(json)

    @connectors.command("check")
    def check_connector(connector_id: str, json: Json = False) -> None:
        """Check one connector's configuration. Exit 0 when it is ready."""
        from workbench.cli.program import check_connector as check

        sys.exit(check(connector_id, json))
