"""What a model is told and how its reply is read; no token is known here.

Texts are parts of messages and stay apart: the referee's, and the model's own earlier replies. What another player said
is quoted inside the referee's text (games/player_text.py), and an engine encodes every text such that nothing in
it can become a special token.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from mirrormatch.games.types import Observation, Problem


class Message(NamedTuple):
    """One chat message.

    Attributes:
        role: as chat templates name it.
        text: what it says.
        token_ids: for the model's own earlier replies, the ids as they were sampled; an engine uses them as they are.
    """

    role: Literal["system", "user", "assistant"]
    text: str
    token_ids: tuple[int, ...] | None = None


class Exchange(NamedTuple):
    """An earlier turn of the same role: what it was shown and what it replied, raw."""

    observation: Observation
    reply: str
    token_ids: tuple[int, ...] | None


class Reading(NamedTuple):
    """A reply taken apart.

    Attributes:
        thinking: the private part; never shown to another role.
        answer: the delimited answer, still in the model's spelling, or why there is none.
    """

    thinking: str
    answer: str | Problem


class PromptSettings(BaseModel):
    """What may be turned about a prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    list_legal: Annotated[bool, Field(description="list the legal moves; off to test knowledge of the rules")] = True
    thinking: Annotated[bool, Field(description="ask for reasoning in <think> tags before the answer")] = True
    history: Annotated[
        Literal["state", "bounded", "full"],
        Field(
            description="'state': the current observation alone, as in SPIRAL; 'full': every earlier turn of the role"
        ),
    ] = "state"
    history_turns: Annotated[int, Field(ge=1, description="how many earlier turns 'bounded' keeps")] = 2
    keep_thoughts: Annotated[
        bool, Field(description="keep the own reasoning of earlier turns; needed to train a trajectory as one row")
    ] = True


class Prompt(ABC):
    """One way to put a game before a model. Subclasses are found by their file."""

    def __init__(self, settings: PromptSettings) -> None:
        self.settings = settings

    @abstractmethod
    def turn(
        self, rules: str, past: Sequence[Exchange], observation: Observation, notice: str = ""
    ) -> tuple[Message, ...]:
        """The messages that ask for a move.

        Args:
            rules: the game's rules text.
            past: the role's own earlier turns, oldest first.
            observation: what the role is shown now.
            notice: what was wrong with its last reply, when it is asked again.
        """

    @abstractmethod
    def question(self, text: str) -> tuple[Message, ...]:
        """The messages that put a problem outside any game, for the transfer benchmarks."""

    @abstractmethod
    def read(self, reply: str, truncated: bool) -> Reading:
        """Reasoning and answer of a raw reply.

        Args:
            reply: the model's text, as generated.
            truncated: whether the token budget ended it.
        """

    @abstractmethod
    def answer(self, move: str) -> str:
        """The text with which a model that has finished thinking gives this answer."""

    @abstractmethod
    def thought(self, thinking: str) -> str:
        """The text of finished reasoning, as it stands before an answer."""
