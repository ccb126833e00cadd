r"""A regular expression of `_answer_regex.py` as a GBNF grammar, the notation of llama.cpp.

Operators and groups are the same in both; classes and literals are written with the numbers of their characters.

>>> to_gbnf("[^a]{1,2}\\[(b|c)?")
'root ::= [^\\x61] {1,2} "\\x5b" ( "\\x62" | "\\x63" ) ?'
"""

import re

_CHARACTER = re.compile(r"\\.|[^\\]", re.DOTALL)
_PART = re.compile(r"\[\^?(?:\\.|[^\]\\])*\]|\{\d+(?:,\d*)?\}|\\.|.", re.DOTALL)
_OPERATORS = "()|?*+"
_NAMED = {"\\n": "\n", "\\t": "\t", "\\r": "\r"}


def to_gbnf(pattern: str) -> str:
    """The grammar of a regular expression."""
    return f"root ::= {' '.join(map(_convert, _PART.findall(pattern)))}"


def _convert(part: str) -> str:
    """One operator, repetition, class or character."""
    if part in _OPERATORS or (part[0] == "{" and len(part) > 1):
        return part
    if part[0] == "[":
        negation = "^" if part[1] == "^" else ""
        return f"[{negation}{_convert_class(part[1 + len(negation) : -1])}]"
    return f'"{_number(part)}"'


def _convert_class(content: str) -> str:
    """The characters of a class; an unescaped hyphen between two of them is a range."""
    return "".join("-" if c == "-" else _number(c) for c in _CHARACTER.findall(content))


def _number(character: str) -> str:
    """A character, which may have a backslash before it, as GBNF's number of it."""
    code = ord(_NAMED.get(character, character[-1]))
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\U{code:08x}"
