"""What each kind of target is sent, at a real server; and that no address is told to anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.mail import PASSWORD, MailServer, taking_mail
from support.webhook import Webhook, listening
from workbench.model.errors import InvalidInput
from workbench.sinks.targets import Target, parse_targets

# Apprise loads a module that Python will drop, and has its own in its place by then.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TITLE, BODY = (
    "Approval needed",
    "ann asks to run: rm -rf <b>build</b>\nDecide: http://127.0.0.1:1/approvals/apr_1",
)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with listening() as opened:
        yield opened


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with taking_mail() as server:
        yield server


def one(setting: str) -> Target:
    (target,) = parse_targets(setting)
    return target


def test_a_webhook_gets_title_and_body_as_they_are(hook: Webhook) -> None:
    assert one(hook.address).send(TITLE, BODY) is None
    sent = hook.next()
    assert (sent["title"], sent["message"]) == (TITLE, BODY)


def slack(hook: Webhook) -> Target:
    target: Any = one("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general")
    # The one thing that is not Slack's: where its server stands.
    target._plugin.webhook_url = f"http://127.0.0.1:{hook.port}/services"
    found: Target = target
    return found


def mattermost(hook: Webhook) -> Target:
    return one(f"mmost://127.0.0.1:{hook.port}/3ccdd113474722377935511fc85d3dd4")


@pytest.mark.parametrize("make", [slack, mattermost])
def test_chats_get_the_text_with_the_link_and_no_address_of_a_strangers_picture(
    make: Any, hook: Webhook
) -> None:
    assert make(hook).send(TITLE, BODY) is None
    sent = json.dumps(hook.next())
    for part in (TITLE, "ann asks to run: rm -rf", "http://127.0.0.1:1/approvals/apr_1"):
        assert part in sent
    assert "github" not in sent


def test_mail_is_plain_text_whatever_stands_in_it(mail: MailServer) -> None:
    body = f"{BODY}\n.\nthe line above ends no mail, ünd this is no ASCII"
    assert one(mail.address).send(f"{TITLE}\nBcc: eve@example.invalid", body) is None
    sent = mail.next()
    assert sent.message.get_content_type() == "text/plain"
    assert sent.text.split() == body.split()
    assert sent.recipients == ("ann@example.invalid",)
    assert sent.message["Bcc"] is None


def test_mail_with_a_wrong_password_is_not_taken_and_the_reason_holds_none(mail: MailServer) -> None:
    wrong = mail.address.replace(PASSWORD, "not-the-password")
    problem = one(wrong).send(TITLE, BODY)
    assert problem == "it did not take the notice"
    assert mail.is_empty()


def test_a_target_is_named_by_kind_place_and_project_and_never_by_its_address(mail: MailServer) -> None:
    hidden = "hook-of-some-secret"
    found = parse_targets(f"json://127.0.0.1:1/{hidden} todo-cli={mail.address}")
    assert [(target.name, target.project) for target in found] == [
        ("json (target 1)", ""),
        ("mailto (target 2, for todo-cli)", "todo-cli"),
    ]
    assert len({target.key for target in found}) == 2
    assert hidden not in found[0].key
    same = parse_targets(f"other={mail.address}")
    assert same[0].key != found[1].key, "for another project it is another target"


@pytest.mark.parametrize(
    "setting", ["nonsense", "todo-cli=nonsense", "nosuchkind://host/secret-word", "=json://h"]
)
def test_what_is_no_address_is_refused_without_repeating_it(setting: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_targets(setting)
    assert "secret-word" not in str(refused.value)
