"""Layers only add up: the strictest wins, a project can only tighten, and what is broken opens nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.model.layer import PolicyLayer, PolicyLayers
from workbench.model.verdict import Decision, Judgement
from workbench.policy import judge, load_policy
from workbench.policy.broken import PolicyBroken, PolicyChanged
from workbench.policy.evaluate import may_approve
from workbench.policy.judge import Policy
from workbench.policy.layers import find_posture_note, in_force, with_organisation, with_project
from workbench.policy.load import ExampleSurroundings, read_file_layer, read_organisation, read_project
from workbench.policy.prove import find_difference
from workbench.policy.rules import APPROVE, ASK, RUN

STANDARD = load_policy(is_tried=False)
BOTH = '(principal, action in [Action::"run", Action::"run_with_approval"], resource)'
ONLY_RUN = '(principal, action == Action::"run", resource)'


def rule(name: str, body: str) -> str:
    return f'@id("{name}") @risk("high") @reason("house_rule")\n{body};\n'


NO_NETWORK = rule("no-network", f"forbid {BOTH} when {{ context.network }}")
ASK_CODE = rule("ask-code", f"forbid {ONLY_RUN} when {{ context.executes }}")


def organisation(rules: str, examples: str = "") -> PolicyLayer:
    return PolicyLayer(place="$WORKBENCH_HOME", rules_text=rules, examples_text=examples)


def project(rules: str = "", settings: str = "", examples: str = "") -> PolicyLayer:
    return PolicyLayer(place=".workbench", rules_text=rules, settings_text=settings, examples_text=examples)


def judged(policy: Policy, text: str) -> Judgement:
    return judge(policy, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings())


def decision(policy: Policy, text: str) -> Decision:
    return judged(policy, text).verdict.verdict


def test_a_denial_of_any_layer_beats_every_permission() -> None:
    over = with_organisation(STANDARD, organisation(NO_NETWORK))
    assert decision(STANDARD, "pip install x") is Decision.REQUIRES_APPROVAL
    assert decision(over, "pip install x") is Decision.DENY
    both = with_project(over, project(ASK_CODE))
    assert decision(over, "pytest -q") is Decision.ALLOW
    assert decision(both, "pytest -q") is Decision.REQUIRES_APPROVAL
    assert decision(both, "pip install x") is Decision.DENY
    rules = [(found.rule_id, found.source) for found in judged(both, "pytest -q").verdict.matched_rules]
    assert ("ask-code", ".workbench/policy.cedar:1") in rules


def test_a_permit_of_an_organisation_lifts_no_question_and_no_denial() -> None:
    wide = rule("wide-open", f"permit {BOTH}").replace('"high"', '"low"')
    over = with_organisation(STANDARD, organisation(wide), must_prove=False)
    for text in ("rm x", "curl https://example.org", "git push", "frobnicate", "ls $HOME"):
        assert decision(over, text) is Decision.REQUIRES_APPROVAL, text
    assert decision(over, "sudo ls") is Decision.DENY


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        (rule("mine", f"permit {BOTH}"), r"\.workbench/policy\.cedar:1: mine: is a permit"),
        (rule("mine", 'permit (principal, action == Action::"recall", resource)'), "is a permit"),
        (rule("deny-privilege", f"forbid {BOTH}"), "is listed already, in core.cedar"),
        (rule("mine", f"forbid {BOTH} when {{ context.netwrok }}"), "attribute `netwrok`"),
        (
            rule("mine", f"forbid {BOTH} when {{ context.reads && !context.reads }}"),
            "policy.cedar:1: mine: its condition can never hold",
        ),
        ("".join(rule(f"mine-{n}", f"forbid {BOTH}") for n in range(200)), "with the others at most 200"),
        ("forbid", "policy.cedar:1"),
    ],
)
def test_a_projects_rules_that_could_loosen_or_are_broken_are_refused(rules: str, problem: str) -> None:
    with pytest.raises(PolicyBroken, match=problem):
        with_project(STANDARD, project(rules))


def test_an_organisations_permit_that_breaks_an_invariant_is_refused_with_the_facts() -> None:
    loose = rule("operators", 'permit (principal, action == Action::"approve", resource)')
    with pytest.raises(PolicyBroken, match=r"only-approvers-approve .* for example where .*role is "):
        with_organisation(STANDARD, organisation(loose))
    said = r"breaks the invariant unknown-is-asked \(.*\), for example where understood does not hold$"
    with pytest.raises(PolicyBroken, match=said):
        with_organisation(STANDARD, organisation(rule("all", f"permit {BOTH}")))


def test_examples_beside_a_layers_rules_are_tried() -> None:
    good = '[no-network]\nmatch = ["curl https://x.org"]\nnot_match = ["ls"]\n'
    assert with_project(STANDARD, project(NO_NETWORK, examples=good)).rules[-1].rule_id == "no-network"
    for bad, problem in (
        (good.replace("curl https://x.org", "ls -la"), "match example 'ls -la' fails"),
        (good.replace("no-network", "other"), "other is no rule of"),
        ("[no-network", "is not TOML"),
    ):
        with pytest.raises(PolicyBroken, match=problem):
            with_project(STANDARD, project(NO_NETWORK, examples=bad))


def test_a_typing_error_in_a_role_or_a_risk_keeps_a_layer_out_of_force_and_is_named() -> None:
    closed = 'forbid (principal, action == Action::"approve", resource)'
    typed = rule("two-pairs", f'{closed} when {{ context.risk == "High" && context.role == "approver" }}')
    meant = typed.replace('"High"', '"high"')
    owner = rule("owners", 'permit (principal, action == Action::"approve", resource)').replace(
        "resource)", 'resource) when { context.role == "owner" }'
    )

    def of_project(text: str, told: str) -> Policy:
        return with_project(STANDARD, project(text, examples=told))

    def of_organisation(text: str, told: str) -> Policy:
        return with_organisation(STANDARD, organisation(text, told))

    for build in (of_project, of_organisation):
        with pytest.raises(
            PolicyBroken, match=r"policy.cedar:1: two-pairs: there is no risk 'High'; use low"
        ):
            build(typed, '[two-pairs]\nmay_not = ["approver High"]\n')
        with pytest.raises(PolicyBroken, match=r"examples.toml: two-pairs: may_not example 'approver High'"):
            build(meant, '[two-pairs]\nmay_not = ["approver High"]\n')
        sound = build(meant, '[two-pairs]\nmay_not = ["approver high"]\nmay = ["approver low"]\n')
        asked = {"is_own_request": False, "has_four_eyes": False}
        assert not may_approve(sound.ruleset, role="approver", risk="high", **asked)[0]
    with pytest.raises(PolicyBroken, match=r"owners: there is no role 'owner'; use viewer, operator"):
        with_organisation(STANDARD, organisation(owner, '[owners]\nmay = ["owner low"]\n'))
    with pytest.raises(PolicyBroken, match="it is not ROLE RISK"):
        with_project(STANDARD, project(meant, examples='[two-pairs]\nmay_not = ["approver"]\n'))


def test_a_project_may_ask_for_a_stricter_posture_and_a_looser_one_changes_nothing() -> None:
    careful = with_project(STANDARD, project(settings='posture = "careful"\n'))
    assert careful.posture == "careful"
    assert decision(careful, "pytest -q") is Decision.REQUIRES_APPROVAL
    over = with_organisation(STANDARD, organisation(NO_NETWORK))
    assert (
        decision(with_project(over, project(settings='posture = "careful"')), "curl x.org") is Decision.DENY
    )
    for text, problem in (
        ('posture = "lax"', "posture is 'lax'"),
        ("postures = 1", "has a setting 'postures' that nobody reads"),
        ("posture", "is not TOML"),
    ):
        with pytest.raises(PolicyBroken, match=problem):
            with_project(STANDARD, project(settings=text))
    loose = project(settings='posture = "trusting"', rules=NO_NETWORK)
    under = with_project(STANDARD, loose)
    assert (under.posture, decision(under, "python3 -c 1")) == ("standard", Decision.REQUIRES_APPROVAL)
    assert decision(under, "curl https://x.org") is Decision.DENY, "its rules hold all the same"
    note = find_posture_note(loose, "standard")
    assert note.startswith("the posture 'trusting' of .workbench/project.toml is not in force")
    for text in ('posture = "standard"', 'posture = "careful"', "", "posture", "posture = 1"):
        assert find_posture_note(project(settings=text), "standard") == ""


FACTS = st.sampled_from(STANDARD.ruleset.facts)
CONDITIONS = st.lists(
    st.builds(lambda fact, sign: f"{sign}context.{fact}", FACTS, st.sampled_from(["", "!"])),
    min_size=1,
    max_size=4,
    unique_by=lambda text: text.lstrip("!"),
)


@settings(max_examples=25 if settings().derandomize else 200)
@given(conditions=st.lists(CONDITIONS, min_size=1, max_size=3), asks=st.booleans())
def test_no_project_layer_ever_allows_what_was_not_allowed_without_it(
    conditions: list[list[str]], asks: bool
) -> None:
    scope = ONLY_RUN if asks else BOTH
    rules = "".join(
        rule(f"mine-{number}", f"forbid {scope} when {{ {' && '.join(parts)} }}")
        for number, parts in enumerate(conditions)
    )
    tightened = with_project(replace(STANDARD, variants={}), project(rules))
    for action in (RUN, ASK, APPROVE):
        assert find_difference(tightened.ruleset.rules, STANDARD.ruleset.rules, action) is None


def test_the_digest_covers_every_layer_in_force() -> None:
    over = with_organisation(STANDARD, organisation(NO_NETWORK))
    digests = {
        STANDARD.policy_digest,
        over.policy_digest,
        with_project(over, project(ASK_CODE)).policy_digest,
        with_project(STANDARD, project(ASK_CODE)).policy_digest,
        with_project(STANDARD, project(NO_NETWORK)).policy_digest,
        with_project(STANDARD, project(ASK_CODE + "// x\n")).policy_digest,
    }
    assert len(digests) == 6


def test_files_nobody_accepted_are_not_in_force_and_changed_ones_stop_everything() -> None:
    layer = project(NO_NETWORK)
    assert in_force(STANDARD, PolicyLayers(project=layer)).policy_digest == STANDARD.policy_digest
    accepted = in_force(STANDARD, PolicyLayers(project=layer, accepted_digest=layer.digest))
    assert decision(accepted, "curl https://x.org") is Decision.DENY
    for found, problem in (
        (project(NO_NETWORK + "\n"), "was changed after it was accepted"),
        (project(NO_NETWORK, settings='posture = "careful"'), "was changed after it was accepted"),
        (project(), "is gone from .workbench"),
        (PolicyLayer(place=".workbench", problem="it is a pipe"), "cannot be read: it is a pipe"),
    ):
        with pytest.raises(PolicyChanged, match=problem):
            in_force(STANDARD, PolicyLayers(project=found, accepted_digest=layer.digest))


def test_a_layer_is_read_from_plain_files_alone(tmp_path: Path) -> None:
    folder = tmp_path / ".workbench"
    assert read_project(tmp_path) == PolicyLayer(place=".workbench")
    folder.mkdir()
    assert read_project(tmp_path).is_empty
    (folder / "policy.cedar").write_text(NO_NETWORK)
    (folder / "project.toml").write_text('posture = "careful"')
    layer = read_project(tmp_path)
    assert (layer.rules_text, layer.settings_text, layer.problem) == (NO_NETWORK, 'posture = "careful"', "")
    assert read_organisation(folder).rules_text == NO_NETWORK
    assert read_organisation(folder).settings_text == ""
    file = folder / "policy.cedar"
    file.rename(tmp_path / "elsewhere.cedar")
    file.symlink_to(tmp_path / "elsewhere.cedar")
    problem = read_project(tmp_path).problem
    assert "policy.cedar cannot be read: it is a symbolic link" in problem
    assert "Too many levels" not in problem
    (tmp_path / "elsewhere.cedar").unlink()
    assert read_project(tmp_path).problem == problem
    file.unlink()
    os.mkfifo(file)
    assert "it is no plain file" in read_project(tmp_path).problem
    file.unlink()
    file.write_bytes(b"\xff")
    assert "cannot be read" in read_project(tmp_path).problem
    file.write_bytes(b"/" * 300_000)
    assert "longer than" in read_project(tmp_path).problem
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    assert "no folder that can be read: it is a symbolic link" in read_project(tmp_path).problem


@pytest.mark.parametrize("name", ["policy.cedar", "policy.examples.toml"])
def test_a_named_policy_file_that_is_no_plain_file_is_not_read(tmp_path: Path, name: str) -> None:
    named = tmp_path / "policy.cedar"
    named.write_text("")
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    assert "it is no plain file" in read_file_layer(named).problem
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    assert "it is no plain file" in read_file_layer(named).problem
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes(b"/" * 300_000)
    assert "longer than" in read_file_layer(named).problem
    (tmp_path / name).unlink()
    (tmp_path / "other").write_text("// nothing")
    (tmp_path / name).symlink_to("other")
    assert not read_file_layer(named).problem
