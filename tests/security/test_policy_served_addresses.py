"""Development servers: for this machine alone they are the project's code, for any other the network."""

from __future__ import annotations

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings

POLICY = load_policy(is_tried=False)


def ask(text: str) -> tuple[Decision, tuple[str, ...], bool]:
    found = judge(POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings())
    return found.verdict.verdict, found.verdict.reason_codes, any(call.network for call in found.commands)


@pytest.mark.parametrize(
    "text",
    [
        *("flask run --host 0.0.0.0", "flask run -h 0.0.0.0", "flask run --host=::"),
        *("uvicorn app:app --host 0.0.0.0", "python -m uvicorn app:app --host 192.168.1.2"),
        *("gunicorn -b 0.0.0.0:1 app:app", "gunicorn --bind :8000 app:app", "hypercorn app:app -b [::]:1"),
        *(
            "python manage.py runserver 0.0.0.0:8000",
            "./manage.py runserver 0:8000",
            "python manage.py runserver '*:1'",
        ),
        *(
            "python manage.py runserver [::]:8000",
            "daphne -b 0.0.0.0 app.asgi:application",
            "mkdocs serve -a 0.0.0.0:1",
        ),
        *(
            "waitress-serve --listen '*:8080' app:app",
            "fastapi dev a.py --host 0.0.0.0",
            "next dev -H 0.0.0.0",
        ),
        *("uvicorn app:app --host localhost.evil.org", "uvicorn app:app --host 127.evil.org"),
        *("jupyter lab", "jupyter notebook --ip 0.0.0.0", "jupyter-lab", "python -m http.server"),
        *("python -m http.server 8000", "python -m http.server -b 0.0.0.0 -d docs"),
    ],
)
def test_a_server_that_others_may_reach_is_the_network(text: str) -> None:
    verdict, reasons, has_network = ask(text)
    assert verdict is Decision.REQUIRES_APPROVAL
    assert "network" in reasons
    assert has_network


@pytest.mark.parametrize(
    "text",
    [
        *("flask run", "flask run --host localhost", "flask run -h 127.0.0.1", "uvicorn app:app --host ::1"),
        *(
            "uvicorn app:app --host 127.0.0.1 --port 8001",
            "gunicorn -b 127.0.0.1:8001 app:app",
            "gunicorn app:app",
        ),
        *(
            "gunicorn -b '[::1]:8001' app:app",
            "python manage.py runserver",
            "python manage.py runserver 8001",
        ),
        *(
            "python manage.py runserver 127.0.0.1:8001",
            "mkdocs serve -a localhost:8001",
            "next dev -H localhost",
        ),
    ],
)
def test_a_server_for_this_machine_alone_is_code_of_the_project(text: str) -> None:
    verdict, _, has_network = ask(text)
    assert verdict is Decision.ALLOW
    assert not has_network


@pytest.mark.parametrize("text", ["gunicorn -b unix:/tmp/x app:app", "gunicorn -b fd://3 app:app"])
def test_a_socket_is_no_address(text: str) -> None:
    assert ask(text)[0] is not Decision.ALLOW
