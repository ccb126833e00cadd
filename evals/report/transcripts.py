"""Recorded episodes as HTML, turn by turn: observation, thinking and move."""

from collections.abc import Sequence

from mirrormatch.agents.episode_text import describe_move, result_sentence, shorten_text
from mirrormatch.agents.types import Episode, Turn
from mirrormatch.evals.report.curves import role_name
from mirrormatch.evals.report.markup import Html, element


def transcript(episode: Episode, number: int) -> Html:
    """One episode, turn by turn."""
    roles = [role_name(episode.game, role) for role in range(len(episode.seats))]
    turns = (_turn_item(turn, roles, episode.outcome[turn.role]) for turn in episode.turns)
    return element(
        "article",
        element("h3", f"{number}. {episode.game}", element("span", f"seed {episode.seed}", class_="unit")),
        element("ol", *turns, class_="turns"),
        element("p", result_sentence(episode, roles), class_="ending"),
    )


def _turn_item(turn: Turn, roles: Sequence[str], outcome: str) -> Html:
    if turn.problem is None:
        move = element("p", "plays ", element("b", describe_move(turn)), class_="move")
    else:
        move = element("p", describe_move(turn), class_="move bad")
    return element(
        "li",
        element("p", element("b", roles[turn.role]), class_=f"who {outcome}"),
        element("p", shorten_text(turn.observation.text), class_="seen"),
        _folded_text("thinks", turn.thinking) if turn.thinking.strip() else None,
        None if turn.problem is None else _folded_text("the whole reply", turn.reply),
        move,
    )


def _folded_text(summary: str, text: str) -> Html:
    heading = element("summary", f"{summary}, {len(text):,} characters")
    return element("details", heading, element("p", shorten_text(text) or "(nothing)", class_="thought"))
