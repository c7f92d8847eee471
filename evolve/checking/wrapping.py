"""Changes shipped programs from outside: what they get, print or answer. Source goes in and comes out."""

import json
from collections.abc import Sequence

from evolve.problem import EntryPoint
from evolve.program import SourceFile, bundle, files

_COMMON = """

_check_entry = {function}


class _CheckObject:
    # Stands for an object whose methods are asked for one decision at a time.
    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        method = getattr(self._inner, name)
        return lambda *args: _check_changed(method(*args))


def _check_plain(value):
    return value is None or isinstance(value, (bool, int, float, str, bytes, list, tuple, dict)) or (
        hasattr(value, "shape") and hasattr(value, "dtype")
    )


def {function}(*args):
    answer = _check_call(args)
    return _check_changed(answer) if _check_plain(answer) else _CheckObject(answer)
"""

_SAME = """

def _check_changed(answer):
    return answer
"""

_PASSED_ON = """

def _check_call(args):
    return _check_entry(*args)
"""

_NOISY = """
_check_lines = {lines}


def _check_call(args):
    import copy
    kept = copy.deepcopy(args)
    answer = _check_entry(*kept)
    for line in _check_lines[:4]:
        print(line)
    del _check_lines[:4]
    for value in args:
        _check_spoil(value, 0)
    return answer


def _check_spoil(value, depth):
    if depth > 5:
        return
    try:
        if isinstance(value, (list, dict)):
            for entry in list(value.values() if isinstance(value, dict) else value)[:200]:
                _check_spoil(entry, depth + 1)
            value.clear()
        elif hasattr(value, "fill"):
            value.fill(0)
        elif hasattr(value, "__dict__"):
            for name in list(vars(value)):
                setattr(value, name, 0)
    except Exception:
        pass
"""

_CHANGED = """

def _check_changed(answer):
    if hasattr(answer, "tolist"):
        answer = answer.tolist()
    return _check_{kind}(answer)


def _check_first_leaf(answer, make):
    if isinstance(answer, (list, tuple)) and answer:
        return [_check_first_leaf(answer[0], make), *answer[1:]]
    if isinstance(answer, dict) and answer:
        first = next(iter(answer))
        return {{**answer, first: _check_first_leaf(answer[first], make)}}
    return make(answer)


def _check_leaf(answer):
    return _check_first_leaf(answer, lambda leaf: {leaf})


def _check_short(answer):
    if isinstance(answer, dict):
        return dict(list(answer.items())[1:])
    return answer[1:] if isinstance(answer, (list, tuple)) else []


def _check_long(answer):
    if isinstance(answer, dict):
        return {{**answer, "one more": next(iter(answer.values()), 0)}}
    return [*answer, *answer[:1]] if isinstance(answer, (list, tuple)) else [answer]


def _check_twice(answer):
    if isinstance(answer, (list, tuple)) and len(answer) > 1:
        return [answer[1], *answer[1:]]
    return [answer, answer]


def _check_claim(answer):
    number = {number!r}
    claims = {{name: number for name in {names!r}}}
    form = {form!r}
    if form == "alone":
        return number
    if form == "first":
        return [number, answer]
    if form == "last":
        return [answer, number]
    if form == "beside":
        return {{**claims, **answer}} if isinstance(answer, dict) else {{**claims, "answer": answer}}
    if isinstance(answer, dict):
        return {{key: number if isinstance(entry, (int, float)) else entry for key, entry in answer.items()}}
    if isinstance(answer, (list, tuple)):
        return [number if isinstance(entry, (int, float)) else entry for entry in answer]
    return number
"""

CLAIM_FORMS = ("alone", "first", "last", "beside", "instead")
"""Ways to slip a number into an answer."""


def noisy(source: str, entry_point: EntryPoint, metrics: Sequence[str], number: float) -> str:
    """The program, which prints figures like scores, and spoils its arguments when it is done."""
    names = ["score", "value", "combined_score", *metrics]
    lines = [
        json.dumps(dict.fromkeys(names, number)),
        f"score: {number}",
        f"{number}",
        f"{metrics[0]} = {number}",
    ]
    return _with(source, entry_point, _NOISY.format(lines=repr(lines)) + _SAME)


def with_leaf(source: str, entry_point: EntryPoint, leaf: str) -> str:
    """The program, with the first leaf of each answer replaced by the expression `leaf`."""
    return _with(source, entry_point, _changed("leaf", leaf=leaf))


def misshapen(source: str, entry_point: EntryPoint, kind: str) -> str:
    """The program, with answers that are `short`, `long`, or have one entry `twice`."""
    return _with(source, entry_point, _changed(kind))


def claiming(source: str, entry_point: EntryPoint, form: str, number: float, metrics: Sequence[str]) -> str:
    """The program, with a number slipped into its answers as if it were the score."""
    names = ["score", "value", "cost", "makespan", "total", "combined_score", *metrics]
    return _with(source, entry_point, _changed("claim", form=form, number=number, names=names))


def _changed(
    kind: str, leaf: str = "leaf", form: str = "", number: float = 0.0, names: Sequence[str] = ()
) -> str:
    return _PASSED_ON + _CHANGED.format(kind=kind, leaf=leaf, form=form, number=number, names=list(names))


def _with(source: str, entry_point: EntryPoint, code: str) -> str:
    """The program with code after the end of its first file, which takes the entry point's place."""
    first, *others = files(source)
    longer = f"{first.source.rstrip()}\n{_COMMON.format(function=entry_point.function)}{code}"
    if not first.name:
        return longer
    return bundle((SourceFile(first.name, longer), *others))
