"""The interface of a prompt format: a model's input messages, and the parsing of its replies, without tokens.

The referee's text and the model's own earlier replies are separate messages. Other players' text is quoted inside the
referee's text (games/player_text.py), and an engine never encodes anything in a text as a special token.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from mirrormatch.games.types import Observation, Problem


class Message(NamedTuple):
    """One chat message.

    Attributes:
        role: the author's role, as chat templates name it.
        text: the message's content.
        token_ids: the sampled ids of the model's own earlier reply, which an engine uses without encoding the text.
    """

    role: Literal["system", "user", "assistant"]
    text: str
    token_ids: tuple[int, ...] | None = None


class Exchange(NamedTuple):
    """An earlier turn of the same role: its observation and its raw reply."""

    observation: Observation
    reply: str
    token_ids: tuple[int, ...] | None


class Reading(NamedTuple):
    """The parts of a reply.

    Attributes:
        thinking: the reasoning, which no other role sees.
        answer: the delimited answer in the model's spelling, or the reason why there is none.
        spellings: the different answers of an ambiguous reply. They are one answer if the game reads them as one move,
            or if they are one value.
    """

    thinking: str
    answer: str | Problem
    spellings: tuple[str, ...] = ()


class PromptSettings(BaseModel):
    """A prompt's options."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    list_legal: Annotated[bool, Field(description="list the legal moves; off to test knowledge of the rules")] = True
    thinking: Annotated[
        bool | None, Field(description="ask for reasoning before the answer; by default as the format does")
    ] = None
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
    examples: Annotated[
        int, Field(ge=0, le=16, description="number of positions of other games that are shown first, with a move each")
    ] = 0


class Prompt(ABC):
    """One way to present a game to a model. The registry finds subclasses by their file.

    Attributes:
        thinks: whether the format asks for reasoning where the settings don't decide it.
        settings: the options, with `thinking` decided.
    """

    thinks: ClassVar[bool] = True

    def __init__(self, settings: PromptSettings) -> None:
        is_decided = settings.thinking is not None
        self.settings = settings if is_decided else settings.model_copy(update={"thinking": self.thinks})

    @abstractmethod
    def turn(
        self, rules: str, past: Sequence[Exchange], observation: Observation, notice: str = ""
    ) -> tuple[Message, ...]:
        """The messages that request a move.

        Args:
            rules: the game's rules text.
            past: the role's own earlier turns, oldest first.
            observation: the role's current observation.
            notice: the error in the role's last reply, when the move is requested again.
        """

    @abstractmethod
    def question(self, text: str) -> tuple[Message, ...]:
        """The messages that pose a problem outside any game, for the transfer benchmarks."""

    @abstractmethod
    def read(self, reply: str, truncated: bool) -> Reading:
        """Separates the reasoning and the answer of a raw reply.

        Args:
            reply: the model's text, as generated.
            truncated: whether the token budget cut it off.
        """

    @abstractmethod
    def format_answer(self, move: str) -> str:
        """Formats an answer as a model writes it after its reasoning."""

    @abstractmethod
    def format_thinking(self, thinking: str) -> str:
        """Formats finished reasoning as a model writes it before an answer."""

    def format_reply(self, thinking: str, move: str) -> str:
        """Formats a whole reply; without reasoning as a model writes it that was asked for none."""
        if thinking and self.settings.thinking:
            return self.format_thinking(thinking) + self.format_answer(move)
        return type(self)(self.settings.model_copy(update={"thinking": False})).format_answer(move)
