r"""A constraint on an answer as a regular expression, the form that vLLM takes.

Only literals, classes, groups, `|` and `*` are used: all regex dialects read them alike. Nothing here depends on vLLM.

>>> answer_regex(Constraint("[", ("a", "b"), "]"))
'([^\\[])*\\[(a|b)\\]'
"""

from mirrormatch.agents.engines._types import Constraint

_SPECIAL = frozenset("\\^$.*+?()[]{}|-/")


def answer_regex(constraint: Constraint) -> str:
    """Matches a whole reply: any text without the opening, then the opening, one of the choices and the closing."""
    choices = "|".join(_escape(choice) for choice in constraint.choices)
    return f"{_regex_up_to(constraint.opening)}({choices}){_escape(constraint.closing)}"


def _regex_up_to(text: str) -> str:
    """Matches every string that contains the text once, at its end.

    Builds the automaton of Knuth, Morris and Pratt, whose state is the number of the text's characters matched so far,
    and eliminates its states from the highest to the lowest; the remaining edge is the expression.

    >>> _regex_up_to("ab")
    '([^a]|a([a])*[^ab])*a([a])*b'
    """
    fallbacks = [_fallbacks(text, state) for state in range(len(text))]
    to_end = ""  # the expression from the state above to the end
    to_lower: dict[int, str] = {}  # from the state above to lower states, by way of still higher ones
    for state in reversed(range(len(text))):
        step = _escape(text[state])
        paths = {to: [path] for to, path in fallbacks[state].items()}
        for to, path in to_lower.items():
            paths.setdefault(to, []).append(step + path)
        loop = _repetition(paths.pop(state, []))
        to_end = loop + step + to_end
        to_lower = {to: loop + _alternatives(path) for to, path in paths.items()}
    return to_end


def _fallbacks(text: str, state: int) -> dict[int, str]:
    """Character classes that don't continue the text after `state` of its characters, by the state that they lead to.

    >>> _fallbacks("ab", 1)
    {1: '[a]', 0: '[^ab]'}
    """
    characters_to: dict[int, list[str]] = {}
    for character in sorted(set(text) - {text[state]}):
        seen = text[:state] + character
        to = max(k for k in range(state + 1) if seen.endswith(text[:k]))
        if to:
            characters_to.setdefault(to, []).append(character)
    kept = sorted({text[state], *(c for characters in characters_to.values() for c in characters)})
    classes = {to: f"[{''.join(map(_escape, characters))}]" for to, characters in characters_to.items()}
    return {**classes, 0: f"[^{''.join(map(_escape, kept))}]"}


def _alternatives(paths: list[str]) -> str:
    return paths[0] if len(paths) == 1 else f"({'|'.join(paths)})"


def _repetition(paths: list[str]) -> str:
    return f"({'|'.join(paths)})*" if paths else ""


def _escape(text: str) -> str:
    return "".join(f"\\{c}" if c in _SPECIAL else {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(c, c) for c in text)
