"""Makes a game's documentation page from its docstring, its facts and a transcript."""

import inspect
from collections.abc import Iterator

from mirrormatch.games.contract.visits import AnyGame
from mirrormatch.games.types import Info, Kind

MAX_LINES = 70  # lines of the transcript on a page

_EXACT: dict[Kind, str] = {
    "zero-sum": "nobody beats it on average",
    "single-player": "no play earns more on average",
    "cooperative": "no play together earns more on average",
    "mixed": "an equilibrium, from which nobody gains by departing alone",
}


def make_page(game: AnyGame, transcript: str) -> str:
    """Makes the page as Markdown.

    Args:
        game: the game.
        transcript: sections that begin with `===== `; the page quotes the last one (tests/games/contract).
    """
    return "\n".join(_list_lines(game, transcript)).rstrip() + "\n"


def _list_lines(game: AnyGame, transcript: str) -> Iterator[str]:
    info = game.info
    about, _, rest = (inspect.getdoc(type(game)) or "").partition("\n")
    yield from (f"# {info.name}", "", about, "")
    yield from (f"| {name} | {value} |" for name, value in _list_facts(info))
    yield from ("", "## Rules", "", rest.strip(), "")
    yield from ("A language model is told:", "", *(f"> {line}".rstrip() for line in game.rules().splitlines()), "")
    if settings := game.settings.describe():
        yield from ("## Settings", "", f"Written after the name: `{info.name}:{game.examples[0]}`.", "")
        yield from ("| setting | values | default | what it changes |", "|---|---|---|---|")
        for name, about in settings.items():
            yield f"| `{name}` | {about['allowed'].replace('|', 'or')} | {about['default']} | {about['about']} |"
        yield ""
    yield from ("## Try it", "", "```")
    good = "optimal" if info.solver else "random"
    yield f"mirrormatch play {info.name}" + (f" --opponent {good}" if len(info.roles) > 1 else "")
    yield f"mirrormatch match {info.name} {good} random"
    yield from ("```", "", "## What it looks like", "")
    yield from ("```text", *_cut_transcript(transcript), "```")


def _list_facts(info: Info) -> Iterator[tuple[str, str]]:
    yield ("", "")
    yield ("---", "---")
    yield ("players", f"{len(info.roles)}: {', '.join(info.roles)}")
    yield ("kind", info.kind)
    yield ("hidden information", _to_yes_or_no(info.hidden))
    yield ("chance", _to_yes_or_no(info.random))
    yield ("free text", _to_yes_or_no(info.open_text))
    yield ("returns", f"{info.min_return:g} to {info.max_return:g}; a forfeit is worth {info.forfeit:g} at best")
    if info.win_at is not None:
        yield ("won", f"with a return of {info.win_at:g} or more")
    yield ("longest game", f"{info.max_turns} moves")
    yield ("solver", _describe_solver(info))
    yield ("source", info.source)
    yield ("version", str(info.version))


def _describe_solver(info: Info) -> str:
    if info.solver is None:
        return "none"
    return f"exact: {_EXACT[info.kind]}" if info.solver == "exact" else "by rules: sensible, not perfect"


def _to_yes_or_no(flag: bool) -> str:
    return "yes" if flag else "no"


def _cut_transcript(transcript: str) -> list[str]:
    lines = transcript.rpartition("===== ")[2].splitlines()
    if len(lines) <= MAX_LINES:
        return lines
    return [*lines[:MAX_LINES], f"... ({len(lines) - MAX_LINES} more lines)"]
