"""Who came from whom is kept right in whatever order the kernel tells it."""

from __future__ import annotations

from workbench.sandbox.tracer import Family

INIT, SHELL, COMMAND = 1, 2, 3


def lives(pid: int) -> bool:
    return True


def dead(pid: int) -> bool:
    return False


def family() -> Family:
    """A shell that runs a command, as each preview begins."""
    made = Family(INIT)
    assert made.began(INIT, SHELL, is_alive=lives) is False
    made.became(SHELL, SHELL, "shell")
    made.began(SHELL, COMMAND, is_alive=lives)
    made.became(COMMAND, COMMAND, "command")
    return made


def test_the_shell_and_what_it_starts_later_are_no_part_of_the_command() -> None:
    made = family()
    made.began(SHELL, 4, is_alive=lives)
    made.became(4, 4, "counted")
    made.began(COMMAND, 5, is_alive=lives)
    made.became(5, 5, "child")
    assert (list(made.lines), made.count) == (["command", "child"], 2)


def test_a_child_that_is_there_before_its_makers_word_waits_for_it() -> None:
    made = family()
    assert made.is_told(5) is False
    assert made.hold(5, COMMAND) is True
    assert made.began(COMMAND, 5, is_alive=lives) is True
    assert (made.is_told(5), made.count) == (True, 2)


def test_a_child_whose_maker_was_killed_without_a_word_goes_on_with_that_end() -> None:
    made = family()
    made.hold(5, COMMAND)
    made.hold(6, SHELL)
    assert made.ended(COMMAND) == [5]
    assert (made.is_told(5), made.is_told(6), made.count) == (True, False, 2)
    made.became(5, 5, "orphan")
    assert list(made.lines) == ["command", "orphan"]
    # Its maker is gone already, and it is the first process's child by now.
    assert made.hold(7, INIT) is False
    assert made.count == 3


def test_a_child_that_was_killed_before_its_makers_word_is_counted_once() -> None:
    made = family()
    made.hold(5, COMMAND)
    assert made.ended(5) == []
    assert made.began(COMMAND, 5, is_alive=dead) is False
    assert (made.is_told(5), made.count) == (False, 2)
    # A number that is used again is somebody else.
    made.ended(6)
    made.began(COMMAND, 6, is_alive=lives)
    assert (made.is_told(6), made.count) == (True, 3)


def test_a_thread_that_becomes_another_program_goes_on_as_its_process() -> None:
    made = family()
    made.began(COMMAND, 5, is_alive=lives)
    made.ended(COMMAND)
    made.became(COMMAND, 5, "by a thread")
    assert (made.is_told(COMMAND), made.is_told(5), made.count) == (True, False, 2)
    made.began(COMMAND, 6, is_alive=lives)
    made.became(6, 6, "its child")
    assert list(made.lines) == ["command", "by a thread", "its child"]
