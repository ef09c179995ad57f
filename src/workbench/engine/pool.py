"""The places of one process for runs that it drives at once, and the fair order in which others wait for one.

What is of a higher priority goes first. Within one, projects take turns, however many runs each has waiting
(start-time fair queueing: Goyal, Vin and Cheng 1996), and a project's own come first, first served. A run
that waits for a person is not driven and holds no place.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import Final

from workbench.model.place import Place, RunPriority

_ORDER: Final = (RunPriority.HIGH, RunPriority.NORMAL, RunPriority.LOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A run that waits for its turn, under the id of its driver to be."""

    driver_id: str
    project_id: str
    run_id: str
    place: Place


class Pool:
    """`places` is how many may be taken; more are for what already runs, which nobody can put off."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.taken = 0
        self._heap: list[tuple[int, int, int, Waiting]] = []
        self._count = itertools.count()
        self._last: dict[tuple[RunPriority, str], int] = {}
        self._reached: dict[RunPriority, int] = {}

    @property
    def free(self) -> int:
        """How many places nobody has."""
        return max(0, self.places - self.taken)

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """All that wait, in no order."""
        return tuple(entry[3] for entry in self._heap)

    def wait(self, waiting: Waiting) -> None:
        """Puts a run in the order."""
        priority = waiting.place.priority
        key = priority, waiting.project_id
        rank = max(self._last.get(key, 0), self._reached.get(priority, 0)) + 1
        self._last[key] = rank
        heapq.heappush(self._heap, (_ORDER.index(priority), rank, next(self._count), waiting))

    def take_next(self) -> Waiting | None:
        """Gives a free place to whose turn it is; None when none is free, or nobody waits."""
        if not self._heap or not self.free:
            return None
        order, rank, _, waiting = heapq.heappop(self._heap)
        self._reached[_ORDER[order]] = rank - 1
        if not self._heap:
            # With nobody waiting, nobody has been served before anybody.
            self._last.clear()
            self._reached.clear()
        self.taken += 1
        return waiting

    def take(self) -> None:
        """Takes a place, free or not."""
        self.taken += 1

    def give_back(self) -> None:
        """Frees a place."""
        self.taken -= 1


def queue_priority(place: Place, rank: int) -> int:
    """Returns the number, from 1 to 2**31 - 1, by which a shared queue orders a run: the lower the sooner."""
    width = (2**31 - 1) // len(_ORDER)
    return _ORDER.index(place.priority) * width + min(max(rank, 1), width)
