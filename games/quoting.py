"""What one player says, on its way to another player's eyes.

Whatever a player writes is untrusted: it must stay on one line, inside its quotation marks, and short.
"""

from mirrormatch.text import one_line

CHAT_CHARS = 120  # a message's length; longer ones are cut


def quoted(text: str) -> str:
    """The text as one quoted line. It can't hold a line break, a double quote or a forged end of quotation."""
    return '"' + chat(text) + '"'


def chat(text: str) -> str:
    """The text as it enters the game: one line, no double quotes and no bars, at most `CHAT_CHARS` characters."""
    return one_line(text.replace('"', "'").replace("|", "/"), CHAT_CHARS)
