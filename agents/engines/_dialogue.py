"""The turns of a model without a chat template: a dialogue in plain text.

A base model has seen many dialogues and continues this one. It also goes on with the user's next turn, so the name of
the user at the beginning of a line ends the model's turn: that text is the stop string.
"""

import re
from typing import Any, Final

STOP: Final = "\nUser:"
_TEMPLATE = (  # line breaks in expressions: after a block tag they are lost
    "{% for message in messages %}"
    "{% if message.role == 'system' %}{{ message.content + '\\n' }}"
    "{% elif message.role == 'user' %}{{ '\\nUser:\\n' + message.content + '\\nAssistant:\\n' }}"
    "{% else %}{{ message.content }}"
    "{% endif %}"
    "{% endfor %}"
)
_TURN = re.compile(r"^(?=[^\S\n]*(?:user|assistant)\s*:)", re.IGNORECASE | re.MULTILINE)


def dialogue_template(tokenizer: Any) -> str:
    """The dialogue as a chat template; it begins with the special tokens that the tokenizer puts before every text."""
    text_ids = tokenizer.encode("a", add_special_tokens=False)
    ids = tokenizer.encode("a")
    start = ids[: ids.index(text_ids[0])] if text_ids else []
    return str(tokenizer.decode(start)) + _TEMPLATE


def quote_turns(text: str) -> str:
    """A message's text in which no line begins a turn of the dialogue: such a line is quoted."""
    return _TURN.sub("> ", text)


def skip_stop(following: str, reply: str) -> str:
    """The template's text after a reply whose tokens contain the stop string: without the part that they contain."""
    _, found, beyond = reply.partition(STOP)
    return following.removeprefix(STOP + beyond) if found else following
