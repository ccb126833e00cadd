"""Episodes in a file: writes, reads, replays and branches them. One JSON object per line; files are only appended to.

Schema 2 is written; schema 1, without parts, samples, rewards and keys of views, is still read. The models below define
the format. A line is ASCII: printing the file can't send terminal escapes.
Token ids are optional: they are most of the bytes, and only training reads them.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mirrormatch.agents.engines._types import Completion
from mirrormatch.agents.types import Episode, Start, Turn
from mirrormatch.config_file import describe_validation_error
from mirrormatch.errors import UserError
from mirrormatch.files import append_line, check_file
from mirrormatch.games.game import Game
from mirrormatch.games.types import CHANCE, OVER, Action, Observation, Outcome, Problem, ProblemKind
from mirrormatch.text import cut_text, replace_surrogates

MAX_LINE_BYTES = 256 << 20  # of one episode, with token ids
MAX_REPLY_CHARS = 100_000  # of a recorded reply; one of 10,000 tokens has half of them

_NEWLINE = b"\n"

Text = Annotated[str, BeforeValidator(lambda value: replace_surrogates(value) if isinstance(value, str) else value)]


class _Line(BaseModel):
    """Built from JSON, or from a record with attributes of the same names."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True, allow_inf_nan=False)


class ObservationLine(_Line):
    """See `Observation`."""

    role: int
    text: str
    legal: tuple[Action, ...] | None


class ProblemLine(_Line):
    """See `Problem`."""

    kind: ProblemKind
    detail: Text


class TokensLine(_Line):
    """A prompt's and a completion's ids, with everything else that training needs."""

    prompt_ids: tuple[int, ...] | None
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: Text


class GeneratedLine(_Line):
    """The origin of a reply. `adapter` is the content hash, None for the base model."""

    adapter: str | None
    finish: Literal["stop", "length"]
    num_tokens: int
    tokens: TokensLine | None = None


class TurnLine(_Line):
    """See `Turn`; `generated` holds its `prompt_ids` and `completion`."""

    role: int
    observation: ObservationLine
    reply: Text
    thinking: Text
    action: Action | None
    problem: ProblemLine | None
    generated: GeneratedLine | None = None
    view_key: int | None = None
    rewards: tuple[float, ...] | None = None


class EpisodeLine(_Line):
    """See `Episode`."""

    schema_: Literal[1, 2] = Field(alias="schema")
    game: str
    version: int
    seed: int
    seats: tuple[Text, ...]
    deal: tuple[Action, ...]
    turns: tuple[TurnLine, ...]
    returns: tuple[float, ...]
    outcome: tuple[Outcome, ...]
    forfeited_by: int | None
    parts: tuple[Text, ...] = ()
    players: tuple[Text, ...] | None = None
    sample: int = 0

    @model_validator(mode="after")
    def _check_seats(self) -> Self:
        num_seats = len(self.seats)
        if len(self.returns) != num_seats or len(self.outcome) != num_seats:
            raise ValueError(f"{num_seats} seats, {len(self.returns)} returns and {len(self.outcome)} outcomes")
        if any(names and len(names) != num_seats for names in (self.parts, self.players)):
            raise ValueError(f"{num_seats} seats, parts {self.parts} and players {self.players}")
        roles = {t.role for t in self.turns} | ({self.forfeited_by} - {None})
        if unknown := sorted(r for r in roles if r is not None and r not in range(num_seats)):
            raise ValueError(f"role {unknown[0]} in a game of {num_seats} seats, counted from 0")
        return self


def to_json(episode: Episode, tokens: bool = False) -> str:
    """The episode as one line of JSON, without a line break.

    Args:
        episode: any finished episode.
        tokens: include the ids of prompts and completions and their log-probs. Without them the adapter's hash, the
            reason that the reply ended and its number of tokens remain.
    """
    turns = tuple(_turn_values(turn, tokens) for turn in episode.turns)
    line = EpisodeLine.model_validate(_field_values(episode) | {"turns": turns})
    return json.dumps(line.model_dump(mode="json", by_alias=True), allow_nan=False)


def append_episode(path: Path, episode: Episode, tokens: bool = False) -> None:
    """Appends the episode to the file, which is created if it doesn't exist. After an error the file ends as before.

    Raises:
        UserError: the file can't be written, or ends in a torn line, which the new one would extend.
    """
    try:
        if path.is_file() and path.stat().st_size and _last_byte(path) != _NEWLINE:
            raise _torn(path)
        append_line(path, to_json(episode, tokens).encode() + _NEWLINE)
    except OSError as problem:
        raise UserError(f"can't write episodes to {str(path)!r}: {problem.strerror}") from problem


def check_episodes_file(path: Path) -> None:
    """Checks that episodes can be appended to a file, before they are played; leaves no file behind.

    Raises:
        UserError: the file can't be written, or ends in a torn line.
    """
    check_file(path, "episodes")
    if path.is_file() and path.stat().st_size and _last_byte(path) != _NEWLINE:
        raise _torn(path)


def read_episodes(path: Path) -> Iterator[Episode]:
    """The episodes of a file, in order.

    Raises:
        UserError: the file can't be read, or a line of it is no episode; the message gives the line's number.
    """
    try:
        with path.open("rb") as file:
            for number in itertools.count(1):
                line = file.readline(MAX_LINE_BYTES + 1)
                if not line:
                    return
                if len(line) > MAX_LINE_BYTES:
                    raise UserError(f"{str(path)!r}, line {number}: longer than {MAX_LINE_BYTES:,} bytes")
                yield parse_episode(line, f"{str(path)!r}, line {number}")
    except OSError as problem:
        raise UserError(f"can't read episodes from {str(path)!r}: {problem.strerror}") from problem


def replay(game: Game[Any, Any], episode: Episode) -> Iterator[Any]:
    """Every state of the episode from the first to the last, chance nodes included, rebuilt from its record.

    Raises:
        UserError: the record doesn't fit the rules, for example because they have changed since.
    """
    if (episode.game, episode.version) != (game.info.name, game.info.version):
        raise UserError(
            f"an episode of {episode.game} version {episode.version} "
            f"can't be replayed by {game.info.name} version {game.info.version}"
        )
    deal = iter(episode.deal)
    moves = (t.action for t in episode.turns if t.action is not None)
    state = game.start()
    yield state
    while (role := game.to_act(state)) != OVER:
        action = next(deal if role == CHANCE else moves, None)
        if action is None:
            return
        try:
            state = game.apply(state, action)
        except ValueError as problem:
            raise UserError(f"the record doesn't fit the rules of {game.info.name}: {problem}") from problem
        yield state


def branch_episode(game: Game[Any, Any], episode: Episode, num_moves: int) -> Start:
    """Returns the position of the episode after its first `num_moves` moves, from which `play` can go on.

    Chance has dealt as it did in the episode, up to the next decision, whose failed replies are left out.

    Raises:
        UserError: the record doesn't fit the rules, or the game is over by then.
    """
    num_seen = num_dealt = 0
    for state in replay(game, episode):
        role = game.to_act(state)
        if role >= 0 and num_seen == num_moves:
            return Start(state, episode.deal[:num_dealt], _take_moves(episode.turns, num_moves))
        num_seen += role >= 0
        num_dealt += role == CHANCE
    raise UserError(f"the episode of {episode.game} is over after {num_moves} moves: no decision follows")


def _take_moves(turns: tuple[Turn, ...], num_moves: int) -> tuple[Turn, ...]:
    """The turns up to the last of the first `num_moves` moves, with the failed replies between them."""
    ends = [k + 1 for k, turn in enumerate(turns) if turn.action is not None]
    return turns[: ends[num_moves - 1] if num_moves else 0]


def _torn(path: Path) -> UserError:
    return UserError(f"{str(path)!r} ends in the middle of a line, as a killed run leaves it; cut that line")


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read()


def parse_episode(line: bytes, place: str) -> Episode:
    """Parses a line of an episodes file.

    Raises:
        UserError: it is no episode; the message begins with its place.
    """
    try:
        parsed = EpisodeLine.model_validate_json(line)
    except ValidationError as problem:
        if not line.endswith(_NEWLINE):
            raise UserError(f"{place}: torn, the file ends in the middle of it, as a killed run leaves it") from None
        raise UserError(f"{place}: {describe_validation_error(problem)}") from None
    values = dict(parsed)
    del values["schema_"]  # the record has today's schema, whichever the file has
    return Episode(**values | {"turns": tuple(map(_to_turn, parsed.turns))})


def _to_turn(line: TurnLine) -> Turn:
    values, problem = dict(line), line.problem
    generated: GeneratedLine | None = values.pop("generated")
    tokens = generated.tokens if generated is not None else None
    return Turn(
        **values
        | {
            "observation": Observation(**dict(line.observation)),
            "problem": Problem(**dict(problem)) if problem is not None else None,
            "prompt_ids": tokens.prompt_ids if tokens is not None else None,
            "completion": _to_completion(generated),
        }
    )


def _to_completion(line: GeneratedLine | None) -> Completion | None:
    if line is None or line.tokens is None:
        return None
    tokens = line.tokens
    return Completion(
        token_ids=tokens.token_ids, logprobs=tokens.logprobs, text=tokens.text, finish=line.finish, adapter=line.adapter
    )


def _turn_values(turn: Turn, tokens: bool) -> dict[str, Any]:
    """The values of a `TurnLine`."""
    values = _field_values(turn)
    del values["prompt_ids"], values["completion"], values["seconds"]
    cut = {name: cut_text(values[name], MAX_REPLY_CHARS) for name in ("reply", "thinking")}
    return values | cut | {"generated": _generated_line(turn, tokens)}


def _generated_line(turn: Turn, tokens: bool) -> GeneratedLine | None:
    completion = turn.completion
    if completion is None:
        return None
    ids = TokensLine(
        prompt_ids=turn.prompt_ids,
        token_ids=completion.token_ids,
        logprobs=completion.logprobs,
        text=completion.text,
    )
    return GeneratedLine(
        adapter=completion.adapter,
        finish=completion.finish,
        num_tokens=len(completion.token_ids),
        tokens=ids if tokens else None,
    )


def _field_values(record: Episode | Turn) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}
