r"""The default prompt: reasoning in `<think>` tags, the answer in `\boxed{}`."""

from mirrormatch.prompts.formats._boxes import BoxFormat


class Boxed(BoxFormat):
    r"""Rules in the system message; view, legal moves and the form of the answer in the user message."""


PROMPT = Boxed
