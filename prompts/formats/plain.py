"""A short plain instruction for small instruct models: the move alone, or on the last line."""

from mirrormatch.prompts.formats._lines import RequestFormat


class Plain(RequestFormat):
    """Rules in the system message; observation and request with the legal moves in the user message."""

    thinks = False

    def format_answer(self, move: str) -> str:
        return move

    def _request(self, what: str) -> str:
        return (
            f"Think in <think></think>, then answer with {what}." if self.settings.thinking else f"Answer with {what}."
        )


PROMPT = Plain
