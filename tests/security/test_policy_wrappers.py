"""Every wrapper is taken apart by a grammar of its own: what it runs is judged, not the wrapper's name."""

from __future__ import annotations

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings

POLICY = load_policy(is_tried=False)
SEEN_THROUGH = """
env {}
env -i CI=1 {}
nohup {}
nice -n 5 {}
ionice -c 3 {}
chrt -b 0 {}
taskset -c 0 {}
taskset 0x1 {}
timeout -k 1 5 {}
stdbuf -oL {}
setsid -w {}
time {}
'time' -p {}
command {}
builtin {}
exec {}
flock -n lock {}
flock lock -c '{}'
script -qec '{}' log.txt
sh -c '{}'
bash -ec '{}'
zsh -c '{}'
dash -c 'bash -c "{}"'
strace -f {}
ltrace -c {}
perf stat {}
valgrind --leak-check=full {}
uv run {}
poetry run {}
bundle exec {}
npx --no-install {}
npm exec --no -- {}
pnpm exec {}
c8 {}
cross-env CI=1 {}
hyperfine '{}'
find . -maxdepth 0 -exec {} \\;
nice timeout 5 env CI=1 {}
""".strip().split("\n")
LOOKED_INTO = """
sudo {}
doas {}
xargs {}
echo a | xargs -n1 {}
echo a | xargs -I% {}
parallel {} ::: a
fd -x {}
watch {}
entr {}
ssh host {}
env -S '{}'
npx -c '{}'
npm exec -c '{}'
uvx {}
npm exec -- {}
npx {}
git bisect run {}
git rebase -x '{}' main
git submodule foreach {}
eval '{}'
trap '{}' EXIT
busybox {}
unbuffer {}
nonsense-flag-hides-nothing; env --odd {}
""".strip().split("\n")


def decide(text: str) -> Decision:
    return judge(
        POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings()
    ).verdict.verdict


@pytest.mark.parametrize("wrapper", SEEN_THROUGH + LOOKED_INTO)
def test_a_catastrophe_behind_a_wrapper_is_denied(wrapper: str) -> None:
    assert decide(wrapper.replace("{}", "rm -rf /")) is Decision.DENY


@pytest.mark.parametrize("wrapper", SEEN_THROUGH)
def test_an_unknown_program_behind_a_wrapper_is_asked_about(wrapper: str) -> None:
    assert decide(wrapper.replace("{}", "frobnicate x")) is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize("wrapper", SEEN_THROUGH)
def test_a_harmless_command_behind_a_wrapper_is_allowed(wrapper: str) -> None:
    assert decide(wrapper.replace("{}", "pytest -q")) is Decision.ALLOW


@pytest.mark.parametrize("wrapper", LOOKED_INTO)
def test_a_wrapper_that_cannot_be_seen_through_is_never_allowed(wrapper: str) -> None:
    assert decide(wrapper.replace("{}", "frobnicate x")) is not Decision.ALLOW
