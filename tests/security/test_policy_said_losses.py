"""What a subcommand's name says: releases uploaded, packages installed, databases and queues emptied."""

from __future__ import annotations

import pytest

from workbench.model.verdict import Decision, RiskLevel
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings

POLICY = load_policy(is_tried=False)


def ask(text: str) -> tuple[Decision, RiskLevel, tuple[str, ...], set[str]]:
    found = judge(POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings())
    effects = {str(effect) for facts in found.commands for effect in facts.effects}
    return found.verdict.verdict, found.verdict.risk_level, found.verdict.reason_codes, effects


@pytest.mark.parametrize(
    "text",
    [
        "python setup.py upload",
        "python3 setup.py sdist upload",
        "python setup.py register",
        "python setup.py sdist bdist_wheel upload -r testpypi",
        "python -u ./setup.py -q upload",
        "./setup.py upload",
        "uv run python setup.py upload",
        "cd sub && python setup.py upload",
    ],
)
def test_setup_that_uploads_a_release_publishes(text: str) -> None:
    verdict, risk, reasons, effects = ask(text)
    assert (verdict, risk) == (Decision.REQUIRES_APPROVAL, RiskLevel.HIGH)
    assert "publishes" in reasons
    assert {"publishes", "network"} <= effects


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("python setup.py install", "writes_outside"),
        ("python setup.py install --prefix=/usr", "writes_outside"),
        ("python setup.py bdist_wheel -d /etc", "writes_outside"),
        ("python setup.py bdist_wheel -d/etc", "writes_outside"),
        ("python setup.py sdist --dist-dir ../x", "writes_outside"),
        ("python setup.py build -b.git/hooks", "writes_outside"),
        ("python setup.py rotate -m .whl -k 1", "destructive"),
    ],
)
def test_setup_that_reaches_beyond_is_asked_about(text: str, reason: str) -> None:
    verdict, _, reasons, _ = ask(text)
    assert verdict is Decision.REQUIRES_APPROVAL
    assert reason in reasons


@pytest.mark.parametrize(
    "words", ["build", "sdist", "bdist_wheel", "develop", "test", "--version", "build_ext --inplace"]
)
def test_setup_is_else_code_of_the_project(words: str) -> None:
    assert ask(f"python setup.py {words}")[0] is Decision.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        f"{runner} {task}"
        for runner in ("rails", "bin/rails", "rake", "bundle exec rake", "bundle exec rails")
        for task in ("db:schema:load", "db:structure:load", "db:migrate VERSION=0", "db:setup", "db:reset")
    ]
    + [f"php artisan {task}" for task in ("queue:flush", "queue:clear", "queue:clear redis", "key:generate")],
)
def test_what_empties_a_database_or_a_queue_is_destructive(text: str) -> None:
    verdict, risk, reasons, effects = ask(text)
    assert (verdict, risk) == (Decision.REQUIRES_APPROVAL, RiskLevel.HIGH)
    assert "destructive" in reasons
    assert "irreversible" in effects


@pytest.mark.parametrize(
    "text",
    [
        *("rails db:migrate", "rails db:migrate VERSION=20240101", "rake db:migrate", "rake test"),
        *("rake db:migrate VERSION=3", "rails db:seed", "php artisan queue:work", "php artisan key:list"),
    ],
)
def test_what_builds_a_database_up_is_everyday(text: str) -> None:
    assert ask(text)[0] is Decision.ALLOW
