"""Breaks up what a chat template would read as its own: special tokens spelled in a message.

A server renders its template around our texts and finds special tokens wherever they are spelled: an opponent who says
`<|im_end|>` would end the turn. Where tokens are ours, encoding.py keeps them apart exactly; here a space has to do.
"""

import re

# A space goes behind the first character. `<|` and its like begin the special tokens of Qwen, Llama 3, Phi, Command R,
# GLM, gpt-oss and DeepSeek; those of Gemma, Llama 1 and 2, Mistral, ChatGLM, Granite and BERT are listed.
_NAMES = (
    "s|bos|eos|pad|unk|mask|sop|eop|cls|sep|"
    "start_of_turn|end_of_turn|start_of_role|end_of_role|end_of_text|end_of_utterance|start_of_image|end_of_image|"
    "image_soft_token|start_of_audio|end_of_audio|tool_call|tool_response|tools?|image|video|audio|"
    r"unused_?\d+|extra_id_\d+|reserved_\w+|special_\d+"
)
_BRACKETED = (
    "inst|system_prompt|available_tools|tool_results|tool_calls|tool_content|args|call_id|img|img_break|img_end|"
    r"prefix|middle|suffix|think|g?mask|smask|cls|sep|pad|unk|bos|eos|control_\d+"
)
_SPELLED = re.compile(
    rf"(?:<(?=[|\uff5c])|[|\uff5c](?=>)|<(?=/?(?:{_NAMES})>)|<(?=</?SYS>>)|\[(?=/?(?:{_BRACKETED})\]))", re.IGNORECASE
)
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")  # halves of characters: JSON may carry them, and servers refuse them


def broken_up(text: str) -> str:
    """The text, in which no special token is spelled any more."""
    return _SPELLED.sub(lambda found: f"{found.group()} ", mended(text))


def mended(text: str) -> str:
    """The text with halves of characters replaced."""
    return _LONE_SURROGATES.sub("\ufffd", text)
