"""Zero-shot chain of thought: step by step in plain text, then the move in a line that begins with "Answer:"."""

from mirrormatch.prompts.formats._lines import LABEL, RequestFormat, SteppedFormat


class ChainOfThought(RequestFormat, SteppedFormat):
    """Rules in the system message; observation, request and "Let's think step by step." in the user message."""

    def _request(self, what: str) -> str:
        request = f'End with a line that holds "{LABEL}" and {what}.'
        return f"{request}\nLet's think step by step." if self.settings.thinking else request


PROMPT = ChainOfThought
