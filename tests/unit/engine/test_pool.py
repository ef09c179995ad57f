"""Places are given in a fair order: by priority, then project by project, then first come, first served."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.pool import Pool, Waiting, queue_priority
from workbench.model.place import Place, RunPriority

_ids = itertools.count()


def waiting(project_id: str, name: str, priority: RunPriority = RunPriority.NORMAL) -> Waiting:
    return Waiting(
        driver_id=f"{name}.{next(_ids)}", project_id=project_id, run_id=name, place=Place(priority=priority)
    )


def drain(pool: Pool) -> list[str]:
    order = []
    while (found := pool.take_next()) is not None:
        order.append(found.run_id)
        pool.give_back()
    return order


def test_one_run_of_a_project_does_not_wait_behind_a_thousand_of_another() -> None:
    pool = Pool(1)
    for number in range(1000):
        pool.wait(waiting("a", f"a{number}"))
    for _ in range(400):
        pool.take_next()
        pool.give_back()
    pool.wait(waiting("b", "b0"))
    pool.wait(waiting("b", "b1"))
    for number in range(2, 100):
        pool.wait(waiting("b", f"b{number}"))
    order = drain(pool)
    assert sum(name.startswith("a") for name in order[:20]) == 10, "nor does it go before all of the other"
    assert order.index("b0") <= 1
    assert order.index("b1") <= 3
    assert [name for name in order if name.startswith("a")] == [f"a{n}" for n in range(400, 1000)]


def test_a_higher_priority_goes_first() -> None:
    pool = Pool(1)
    for priority in RunPriority:
        pool.wait(waiting("a", priority.value, priority))
    assert drain(pool) == ["high", "normal", "low"]


def test_no_more_than_the_places_are_given_and_what_runs_already_counts() -> None:
    pool = Pool(2)
    pool.take()
    pool.take()
    pool.take()
    pool.wait(waiting("a", "a"))
    assert pool.take_next() is None
    pool.give_back()
    assert pool.take_next() is None
    pool.give_back()
    assert pool.take_next() is not None


@given(st.lists(st.sampled_from("abc"), max_size=60), st.integers(0, 60))
def test_while_projects_wait_none_of_them_gets_two_turns_more(asked: list[str], served: int) -> None:
    pool = Pool(1)
    for number, project_id in enumerate(asked):
        pool.wait(waiting(project_id, f"{project_id}{number}"))
    left = {name: asked.count(name) for name in "abc"}
    turns = dict.fromkeys("abc", 0)
    while (found := pool.take_next()) is not None and served:
        served -= 1
        pool.give_back()
        turns[found.project_id] += 1
        left[found.project_id] -= 1
        still = [turns[name] for name in "abc" if left[name]]
        assert not still or max(still) - min(still) <= 1


def test_a_shared_queue_orders_alike() -> None:
    numbers = [
        queue_priority(Place(priority=priority), rank)
        for priority in (RunPriority.HIGH, RunPriority.NORMAL, RunPriority.LOW)
        for rank in (0, 1, 2, 10**12)
    ]
    assert numbers == sorted(numbers)
    assert 1 <= numbers[0] <= numbers[-1] <= 2**31 - 1
