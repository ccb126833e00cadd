r"""A persona for the seat before the rules; reasoning in `<think>` tags and the answer in `\boxed{}`, as in `boxed`."""

from typing import Final

from mirrormatch.prompts.formats._boxes import BoxFormat
from mirrormatch.prompts.prompt import Message

PERSONAS: Final = (  # by seat; more seats begin again
    "Ada, a calm player who counts every possibility before a move",
    "Bruno, a bold player who looks for the weak point of every position",
    "Clara, a patient player who remembers everything that has happened",
    "Darius, a shrewd player who asks first what the others want",
)
_TEACHER = "Emil, a teacher who checks every step of a solution"


class RolePlay(BoxFormat):
    """The messages of `boxed`, with a sentence on the seat's persona before the rules."""

    def question(self, text: str) -> tuple[Message, ...]:
        system, user = super().question(text)
        return system._replace(text=f"You are {_TEACHER}.\n{system.text}"), user

    def _system_text(self, rules: str, role: int) -> str:
        persona = PERSONAS[role % len(PERSONAS)]
        rest = super()._system_text(rules, role)
        return f"You are {persona}. You play this game to get the best result for yourself.\n{rest}"


PROMPT = RolePlay
