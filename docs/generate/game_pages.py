"""A game's documentation page, made from what the game says of itself and from a transcript of it."""

import inspect
from collections.abc import Iterator

from mirrormatch.games.contract.visits import AnyGame
from mirrormatch.games.types import Info, Kind

MAX_LINES = 70  # of the transcript, on a page

_EXACT: dict[Kind, str] = {
    "zero-sum": "nobody beats it on average",
    "single-player": "no play earns more on average",
    "cooperative": "no play together earns more on average",
    "mixed": "an equilibrium, from which nobody gains by departing alone",
}


def page(game: AnyGame, transcript: str) -> str:
    """The page as Markdown.

    Args:
        game: what it is about.
        transcript: sections that begin with `===== `; the page quotes the last one (tests/games/contract).
    """
    return "\n".join(_lines(game, transcript)).rstrip() + "\n"


def _lines(game: AnyGame, transcript: str) -> Iterator[str]:
    info = game.info
    about, _, rest = (inspect.getdoc(type(game)) or "").partition("\n")
    yield from (f"# {info.name}", "", about, "")
    yield from (f"| {name} | {value} |" for name, value in _facts(info))
    yield from ("", "## Rules", "", rest.strip(), "")
    yield from ("A language model is told:", "", *(f"> {line}".rstrip() for line in game.rules().splitlines()), "")
    if settings := game.settings.describe():
        yield from ("## Settings", "", f"Written after the name: `{info.name}:{game.examples[0]}`.", "")
        yield from ("| setting | values | default | what it changes |", "|---|---|---|---|")
        for name, said in settings.items():
            yield f"| `{name}` | {said['allowed'].replace('|', 'or')} | {said['default']} | {said['about']} |"
        yield ""
    yield from ("## Try it", "", "```")
    good = "optimal" if info.solver else "random"
    yield f"mirrormatch play {info.name}" + (f" --opponent {good}" if len(info.roles) > 1 else "")
    yield f"mirrormatch match {info.name} {good} random"
    yield from ("```", "", "## What it looks like", "")
    yield from ("```text", *_excerpt(transcript), "```")


def _facts(info: Info) -> Iterator[tuple[str, str]]:
    yield ("", "")
    yield ("---", "---")
    yield ("players", f"{len(info.roles)}: {', '.join(info.roles)}")
    yield ("kind", info.kind)
    yield ("hidden information", _said(info.hidden))
    yield ("chance", _said(info.random))
    yield ("free text", _said(info.open_text))
    yield ("returns", f"{info.min_return:g} to {info.max_return:g}; a forfeit is worth {info.forfeit:g} at best")
    if info.win_at is not None:
        yield ("won", f"with a return of {info.win_at:g} or more")
    yield ("longest game", f"{info.max_turns} moves")
    yield ("solver", _solver(info))
    yield ("source", info.source)
    yield ("version", str(info.version))


def _solver(info: Info) -> str:
    if info.solver is None:
        return "none"
    return f"exact: {_EXACT[info.kind]}" if info.solver == "exact" else "by rules: sensible, not perfect"


def _said(flag: bool) -> str:
    return "yes" if flag else "no"


def _excerpt(transcript: str) -> list[str]:
    lines = transcript.rpartition("===== ")[2].splitlines()
    if len(lines) <= MAX_LINES:
        return lines
    return [*lines[:MAX_LINES], f"... ({len(lines) - MAX_LINES} more lines)"]
