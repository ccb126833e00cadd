"""A constraint on an answer as a regular expression, which is what vLLM takes.

Only literals, classes, groups, `|` and `*` are used: every dialect reads them alike. Nothing here knows vLLM.
"""

from mirrormatch.agents.engines._types import Constraint

_SPECIAL = frozenset("\\^$.*+?()[]{}|-/")


def answer_regex(constraint: Constraint) -> str:
    """Matches a whole reply: anything without the opening, then the opening, one of the choices and the closing."""
    choices = "|".join(_escape(choice) for choice in constraint.choices)
    return f"{_regex_up_to(constraint.opening)}({choices}){_escape(constraint.closing)}"


def _regex_up_to(text: str) -> str:
    """Matches every string in which the text stands once, at the end.

    The automaton of Knuth, Morris and Pratt counts how much of the text has just been said. Its states are taken out
    from the highest to the lowest; what is left of it is the expression.
    """
    fallen = [_fallbacks(text, state) for state in range(len(text))]
    onward = ""  # from the state above to the end
    above: dict[int, str] = {}  # from the state above to lower ones, by way of still higher ones
    for state in reversed(range(len(text))):
        step = _escape(text[state])
        ways = {to: [way] for to, way in fallen[state].items()}
        for to, way in above.items():
            ways.setdefault(to, []).append(step + way)
        again = _repetition(ways.pop(state, []))
        onward = again + step + onward
        above = {to: again + _alternatives(way) for to, way in ways.items()}
    return onward


def _fallbacks(text: str, state: int) -> dict[int, str]:
    """The characters that don't continue the text after `state` of its characters, by the state that they lead to."""
    falls: dict[int, list[str]] = {}
    for character in sorted(set(text) - {text[state]}):
        said = text[:state] + character
        to = max(k for k in range(state + 1) if said.endswith(text[:k]))
        if to:
            falls.setdefault(to, []).append(character)
    kept = sorted({text[state], *(c for characters in falls.values() for c in characters)})
    listed = {to: f"[{''.join(map(_escape, characters))}]" for to, characters in falls.items()}
    return {**listed, 0: f"[^{''.join(map(_escape, kept))}]"}


def _alternatives(ways: list[str]) -> str:
    return ways[0] if len(ways) == 1 else f"({'|'.join(ways)})"


def _repetition(ways: list[str]) -> str:
    return f"({'|'.join(ways)})*" if ways else ""


def _escape(text: str) -> str:
    return "".join(f"\\{c}" if c in _SPECIAL else {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(c, c) for c in text)
