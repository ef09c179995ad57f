"""Build tools and consoles: they run the project's code, and say what they delete, install or take in."""

from __future__ import annotations

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings

POLICY = load_policy()


def reasons(text: str) -> tuple[Decision, tuple[str, ...]]:
    found = judge(POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings()).verdict
    return found.verdict, found.reason_codes


@pytest.mark.parametrize(
    "text",
    [
        *(
            "cmake -S . -B build",
            "cmake --build build -j4",
            "cmake --build build --target app",
            "ctest --test-dir build",
        ),
        *(
            "bazel build //...",
            "bazel test //app:all",
            "mix test",
            "mix format lib/a.ex",
            "mix run priv/seeds.exs",
        ),
        *(
            "php artisan test",
            "php artisan migrate",
            "gradle build",
            "mvn -q test",
            "meson compile -C build",
            "ninja",
        ),
        *(
            "ninja -C build app",
            "sbt test",
            "sbt clean compile",
            "rails test",
            "rails db:migrate",
            "bin/rails test",
        ),
        *(
            "python manage.py migrate",
            "python manage.py test app",
            "./manage.py makemigrations",
            "./manage.py own_command",
        ),
        *("python src/manage.py collectstatic --no-input", "bazel shutdown"),
    ],
)
def test_builds_and_tests_run_without_a_question(text: str) -> None:
    assert reasons(text)[0] is Decision.ALLOW


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(
            (text, "writes_outside")
            for text in ("cmake --build build --target install", "ninja install", "ninja -C b uninstall")
        ),
        *(
            (text, "writes_outside")
            for text in ("mix format /etc/x", "cmake --build ../other", "cmake --build b -t install/strip")
        ),
        *(
            (text, "unknown_arguments")
            for text in ("bazel build @other//x", "bazel run //:x", "bazel test --run_under=x //a")
        ),
        *(
            (text, "unknown_arguments")
            for text in ("cmake -P x.cmake", "cmake -E rm x", "ctest -S x.cmake", "ninja -f x")
        ),
        *(
            (text, "unknown_arguments")
            for text in ("mvn exec:java", "mvn antrun:run", "meson install", "sbt", "mix run -e x")
        ),
        *(
            (text, "destructive")
            for text in ("bazel clean --expunge", "mix ecto.drop", "mix ecto.rollback", "rails db:drop")
        ),
        *(
            (text, "destructive")
            for text in ("bin/rails db:reset", "php artisan migrate:fresh", "php artisan db:wipe")
        ),
        *(
            (text, "destructive")
            for text in (
                "python manage.py flush",
                "./manage.py flush --no-input",
                "python src/manage.py flush",
            )
        ),
        *(
            (text, "destructive")
            for text in (
                "python -u manage.py flush",
                "python manage.py migrate app zero",
                "uv run manage.py flush",
            )
        ),
        *(
            (text, "destructive")
            for text in ("python manage.py collectstatic --clear", "poetry run python manage.py reset_db")
        ),
        *(
            (text, "inline_code")
            for text in (
                "python manage.py shell -c x",
                "python manage.py shell",
                "python3 ./manage.py dbshell",
            )
        ),
        *(
            (text, "inline_code")
            for text in ("rails runner x", "rails console", "ruby bin/rails runner x", "rails dbconsole")
        ),
        ("python manage.py migrate --pythonpath=/x", "shadowed_program"),
        ("python manage.py sendtestemail a@example.org", "network"),
        ("python manage.py diffsettings", "reads_secret"),
        ("echo 'eval 1' | sbt", "unknown_arguments"),
    ],
)
def test_what_goes_beyond_is_asked_about_by_name(text: str, reason: str) -> None:
    verdict, found = reasons(text)
    assert verdict is Decision.REQUIRES_APPROVAL
    assert reason in found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "rspec -fd",
            "npx vitest run --reporter=verbose",
            "dotnet test --logger=trx",
            "eslint --format json src",
        ),
        *("java -cp 'lib/*:out' Main", "javac -d out -cp lib src/Main.java", "phpcs --standard=PSR12 src"),
        *(
            "sass a.scss b.css",
            "tox -e py311 -- -k name",
            "ar t x.a a.o",
            "tar tf a.tar src",
            "dotnet run -- --all",
        ),
        *(
            "pandoc -f gfm -t html README.md",
            "TZ=Europe/Berlin date",
            "yq .a x.yml",
            "turbo run build -- --force",
        ),
    ],
)
def test_what_only_resembles_a_trick_stays_allowed(text: str) -> None:
    assert reasons(text)[0] is Decision.ALLOW
