"""What a side answers, and what differs between two answers."""
import math
from dataclasses import dataclass
from typing import Any

TOLERANCE = 1e-4


class CannotCompare(Exception):
    """Wrong use, or a folder that says nothing about Millrace."""


@dataclass
class Answer:
    value: Any


@dataclass
class Refusal:
    code: str
    text: str


class Stopped(Refusal):
    """What stands for every answer where the program ended without them."""


@dataclass
class Gap:
    """The largest difference of two numbers that count as equal."""
    largest: float = 0.0


def differences(theirs, ours, gap, place=""):
    """Yields (place, theirs, ours) for what differs; a place is a JSON Pointer."""
    numbers = [type(value) in (int, float) for value in (theirs, ours)]
    if type(theirs) is float and all(numbers):
        distance = abs(theirs - ours)
        if distance <= TOLERANCE:
            gap.largest = max(gap.largest, distance)
        elif not (math.isnan(theirs) and math.isnan(ours)):
            yield place, theirs, ours
    elif type(theirs) is not type(ours):
        yield place, theirs, ours
    elif isinstance(theirs, dict):
        if list(theirs) != list(ours):
            yield f"{place} (keys)", list(theirs), list(ours)
            return
        for key in theirs:
            yield from differences(theirs[key], ours[key], gap, f"{place}/{key}")
    elif isinstance(theirs, list):
        if len(theirs) != len(ours):
            yield f"{place} (entries)", len(theirs), len(ours)
            return
        for index, (one, other) in enumerate(zip(theirs, ours)):
            yield from differences(one, other, gap, f"{place}/{index}")
    elif theirs != ours:
        yield place, theirs, ours


def agree(theirs, ours, gap=None):
    """Whether two answers are equal, or both are refusals."""
    if isinstance(theirs, Answer) and isinstance(ours, Answer):
        return next(differences(theirs.value, ours.value, gap or Gap()), None) is None
    return isinstance(theirs, Refusal) and isinstance(ours, Refusal)
