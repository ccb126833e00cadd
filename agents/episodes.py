"""Episodes in a file: one JSON object a line, only ever appended to.

The models below are the format. A line is ASCII, so a terminal that shows the file can't be steered by what a model
wrote. Token ids are left out unless asked for: they are most of the bytes and only training reads them.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mirrormatch.agents.engines._types import Completion
from mirrormatch.agents.types import Episode, Turn
from mirrormatch.errors import UserError
from mirrormatch.games.types import Action, Observation, Outcome, Problem, ProblemKind

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")  # halves of characters: no JSON reader takes them
_NEWLINE = b"\n"


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ObservationLine(_Line):
    """See `Observation`."""

    role: int
    text: str
    legal: tuple[Action, ...] | None


class ProblemLine(_Line):
    """See `Problem`."""

    kind: ProblemKind
    detail: str


class TokensLine(_Line):
    """A prompt and a completion as ids, with everything else that training needs."""

    prompt_ids: tuple[int, ...] | None
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str


class GeneratedLine(_Line):
    """Where a reply came from. `adapter` is the content hash, None for the base model."""

    adapter: str | None
    finish: Literal["stop", "length"]
    num_tokens: int
    tokens: TokensLine | None = None


class TurnLine(_Line):
    """See `Turn`."""

    role: int
    observation: ObservationLine
    reply: str
    thinking: str
    action: Action | None
    problem: ProblemLine | None
    generated: GeneratedLine | None = None


class EpisodeLine(_Line):
    """See `Episode`."""

    schema_: Literal[1] = Field(alias="schema")
    game: str
    version: int
    seed: int
    seats: tuple[str, ...]
    deal: tuple[Action, ...]
    turns: tuple[TurnLine, ...]
    returns: tuple[float, ...]
    outcome: tuple[Outcome, ...]
    forfeited_by: int | None

    @model_validator(mode="after")
    def _seats_agree(self) -> Self:
        num_seats = len(self.seats)
        if len(self.returns) != num_seats or len(self.outcome) != num_seats:
            raise ValueError(f"{num_seats} seats, {len(self.returns)} returns and {len(self.outcome)} outcomes")
        roles = {t.role for t in self.turns} | ({self.forfeited_by} - {None})
        if strangers := sorted(r for r in roles if r is not None and r not in range(num_seats)):
            raise ValueError(f"role {strangers[0]} in a game of {num_seats} seats, counted from 0")
        return self


def to_json(episode: Episode, tokens: bool = False) -> str:
    """The episode as one line of JSON, without a line break.

    Args:
        episode: any finished episode.
        tokens: keep prompts and completions as ids with their log-probs. Without them the adapter's hash, how the
            reply ended and its number of tokens remain.
    """
    line = EpisodeLine(
        schema=1,
        game=episode.game,
        version=episode.version,
        seed=episode.seed,
        seats=tuple(map(_whole, episode.seats)),
        deal=episode.deal,
        turns=tuple(_turn_line(t, tokens) for t in episode.turns),
        returns=episode.returns,
        outcome=episode.outcome,
        forfeited_by=episode.forfeited_by,
    )
    return json.dumps(line.model_dump(mode="json", by_alias=True), allow_nan=False)


def append(path: Path, episode: Episode, tokens: bool = False) -> None:
    """Adds the episode to the end of the file, which is made if it isn't there.

    Raises:
        UserError: the file can't be written, or ends in a torn line that the new one would be glued to.
    """
    try:
        with path.open("a+b") as file:
            if file.seek(0, 2) and _last_byte(path) != _NEWLINE:
                raise UserError(f"{str(path)!r} ends in the middle of a line, as a killed run leaves it; cut that line")
            file.write(to_json(episode, tokens).encode() + _NEWLINE)
    except OSError as problem:
        raise UserError(f"can't write episodes to {str(path)!r}: {problem.strerror}") from problem


def read(path: Path) -> Iterator[Episode]:
    """The episodes of a file, in order.

    Raises:
        UserError: the file can't be read, or a line of it is no episode; the line is named.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield _episode(line, f"{str(path)!r}, line {number}")
    except OSError as problem:
        raise UserError(f"can't read episodes from {str(path)!r}: {problem.strerror}") from problem


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read()


def _episode(line: bytes, where: str) -> Episode:
    try:
        parsed = EpisodeLine.model_validate_json(line)
    except ValidationError as problem:
        if not line.endswith(_NEWLINE):
            raise UserError(f"{where}: torn, the file ends in the middle of it, as a killed run leaves it") from None
        raise UserError(f"{where}: {_first_error(problem)}") from None
    return Episode(
        game=parsed.game,
        version=parsed.version,
        seed=parsed.seed,
        seats=parsed.seats,
        deal=parsed.deal,
        turns=tuple(map(_turn, parsed.turns)),
        returns=parsed.returns,
        outcome=parsed.outcome,
        forfeited_by=parsed.forfeited_by,
    )


def _first_error(problem: ValidationError) -> str:
    first = problem.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _turn_line(turn: Turn, tokens: bool) -> TurnLine:
    problem = turn.problem
    return TurnLine(
        role=turn.role,
        observation=ObservationLine.model_validate(turn.observation._asdict()),
        reply=_whole(turn.reply),
        thinking=_whole(turn.thinking),
        action=turn.action,
        problem=ProblemLine(kind=problem.kind, detail=_whole(problem.detail)) if problem is not None else None,
        generated=_generated_line(turn, tokens),
    )


def _generated_line(turn: Turn, tokens: bool) -> GeneratedLine | None:
    made = turn.completion
    if made is None:
        return None
    kept = None
    if tokens:
        kept = TokensLine(
            prompt_ids=turn.prompt_ids, token_ids=made.token_ids, logprobs=made.logprobs, text=_whole(made.text)
        )
    return GeneratedLine(adapter=made.adapter, finish=made.finish, num_tokens=len(made.token_ids), tokens=kept)


def _turn(line: TurnLine) -> Turn:
    seen, problem = line.observation, line.problem
    kept = line.generated.tokens if line.generated is not None else None
    return Turn(
        role=line.role,
        observation=Observation(seen.role, seen.text, seen.legal),
        reply=line.reply,
        thinking=line.thinking,
        action=line.action,
        problem=Problem(problem.kind, problem.detail) if problem is not None else None,
        prompt_ids=kept.prompt_ids if kept is not None else None,
        completion=_completion(line.generated),
    )


def _completion(made: GeneratedLine | None) -> Completion | None:
    if made is None or made.tokens is None:
        return None
    kept = made.tokens
    return Completion(
        token_ids=kept.token_ids, logprobs=kept.logprobs, text=kept.text, finish=made.finish, adapter=made.adapter
    )


def _whole(text: str) -> str:
    return _LONE_SURROGATES.sub("\ufffd", text)
