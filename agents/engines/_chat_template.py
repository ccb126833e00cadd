"""Renders a chat template around placeholders: the template's own text, without any message's text.

Templates disagree about roles and content. Several layouts of the same messages are tried, and the first that keeps
all of them in order is used: Gemma 2 takes no system message, Mistral 0.3 moves it into the last turn, vision models
want content in parts. The rules then begin the first user message.
"""

import datetime
import functools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mirrormatch.agents.engines._dialogue import dialogue_template
from mirrormatch.agents.engines._types import Thought
from mirrormatch.errors import UserError, did_you_mean

_MARK = re.compile("\ue000(\\d+)\ue001")  # private-use characters: no tokenizer or template gives them a meaning
_CONVERSATION = ("system", "user", "assistant", "user")
_TEMPLATE_SUFFIX = ".jinja"
_SEPARATOR = "\n\n"  # between the rules and the observation that share a message
_CACHED_SCAFFOLDS = 1024
_RESERVED = frozenset({"messages", "tools", "documents", "add_generation_prompt", "strftime_now"})
_WORD = re.compile(r"\w+")
_THOUGHTS = {  # marks that open reasoning, and those that close it
    **{f"<{name}>": f"</{name}>" for name in ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think")},
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|START_THINKING|>": "<|END_THINKING|>",
}
_OPENED_THOUGHT = re.compile(rf"({'|'.join(map(re.escape, _THOUGHTS))})\s*\Z")
_DATE_FUNCTION = "strftime_now"  # what templates call for today's date
_DATE_FORM = re.compile(r"""(["'])((?:(?!\1)[^\\\n])*%[A-Za-z](?:(?!\1)[^\\\n])*)\1""")  # a text with a part like %d
_SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NUMBER = re.compile(r"-?\d+(\.\d+)?")

today = datetime.date.today  # the source of the date, which tests replace


def _parse_argument(value: Any) -> Any:
    """A template argument as written in a spec: a switch, a number or a text."""
    if not isinstance(value, str):
        return value
    if _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return _SWITCHES.get(value.lower(), value)


Argument = Annotated[bool | int | float | str, BeforeValidator(_parse_argument)]


class TemplateSettings(BaseModel):
    """The chat template's options: `hf:PATH,template.enable_thinking=false`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    template: Annotated[
        dict[str, Argument], Field(description="arguments of the chat template: template.enable_thinking=false")
    ] = {}
    chat_template: Annotated[
        str | None, Field(description="name of one of several chat templates, or a .jinja file with another one")
    ] = None
    date: Annotated[
        datetime.date | None,
        Field(description="date that chat templates with today's date show; none: the day of the start"),
    ] = None


class Scaffold(NamedTuple):
    """A chat template's own text around some messages.

    Attributes:
        opening: the text before the first message.
        following: the text after each message, one per message.
    """

    opening: str
    following: tuple[str, ...]


class _Layout(NamedTuple):
    """One way to pass messages to a template.

    Attributes:
        is_folded: system text begins the next user message, and neighbours of one role share a message.
        in_parts: content is a list of typed parts instead of a text.
    """

    is_folded: bool
    in_parts: bool


_LAYOUTS = (_Layout(False, False), _Layout(False, True), _Layout(True, False), _Layout(True, True))


class ChatTemplate:
    """The chat template of one tokenizer.

    Attributes:
        date: the date in prompts of a template with today's date; fixed, which makes prompts repeatable.
        is_dialogue: the tokenizer has no template, and turns are those of a dialogue in plain text.

    Args:
        tokenizer: a transformers tokenizer.
        settings: the template's options.

    Raises:
        UserError: there is no such template, or it has no such argument.
    """

    def __init__(self, tokenizer: Any, settings: TemplateSettings) -> None:
        self.date = settings.date or today()
        self._tokenizer = tokenizer
        self._name = repr(tokenizer.name_or_path)
        self.is_dialogue = not (tokenizer.chat_template or settings.chat_template)
        templates = tokenizer.chat_template or dialogue_template(tokenizer)
        self._text = _choose_template(templates, settings.chat_template, self._name)
        self._arguments = settings.template
        self._check_arguments()
        self.scaffold = functools.lru_cache(_CACHED_SCAFFOLDS)(self._find_scaffold)

    @functools.cached_property
    def shows_date(self) -> bool:
        """Whether the template writes the date into prompts."""
        if _DATE_FUNCTION not in self._text:
            return False
        dates = self.date, self.date + datetime.timedelta(days=400)  # another day, month and year
        scaffolds = [self._render_if_possible(("system", "user"), self._layout, date) for date in dates]
        return scaffolds[0] != scaffolds[1]

    @functools.cached_property
    def thought(self) -> Thought | None:
        """The reasoning that the template opens at the beginning of a reply; None if it opens none."""
        scaffold = self._render_if_possible(("system", "user"), self._layout)
        return find_thought(scaffold.following[-1]) if scaffold else None

    @functools.cached_property
    def probe(self) -> Scaffold | None:
        """The scaffold of a short conversation, whose roles are `_CONVERSATION`; None if the template refuses it."""
        return self._render_if_possible(_CONVERSATION, self._layout)

    @functools.cached_property
    def _layout(self) -> _Layout:
        """The first layout that takes a conversation, or else a single turn."""
        for roles in (_CONVERSATION, _CONVERSATION[:2]):
            for layout in _LAYOUTS:
                if self._render_if_possible(roles, layout):
                    return layout
        return _LAYOUTS[0]

    def _find_scaffold(self, roles: tuple[str, ...]) -> Scaffold:
        """The template's text around messages of these roles.

        Raises:
            UserError: no layout keeps all messages in order.
        """
        problems: list[str] = []
        for layout in (self._layout, *_LAYOUTS):
            try:
                return self._render(roles, layout)
            except _Refusal as problem:
                problems.append(str(problem))
        raise UserError(
            f"the chat template of {self._name} {problems[0]} the roles {', '.join(roles)}: "
            f"chat_template=FILE{_TEMPLATE_SUFFIX} gives another template"
        )

    def _render_if_possible(
        self, roles: tuple[str, ...], layout: _Layout, date: datetime.date | None = None
    ) -> Scaffold | None:
        try:
            return self._render(roles, layout, date)
        except _Refusal:
            return None

    def _render(self, roles: tuple[str, ...], layout: _Layout, date: datetime.date | None = None) -> Scaffold:
        messages = [_make_message(role, group, layout) for role, group in _group_roles(roles, layout.is_folded)]
        try:
            text = self._tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=True,
                chat_template=_with_date(self._text, date or self.date),
                **self._arguments,
            )
        except Exception as problem:  # a template is a program: it may fail in any way
            reason = " ".join(str(problem).split()) or type(problem).__name__
            raise _Refusal(f"fails ({reason}) with messages of") from None
        opening, *rest = _MARK.split(text)  # the text between marks, and between each two texts a mark's number
        numbers, following = rest[::2], rest[1::2]
        if numbers != [str(k) for k in range(len(roles))]:
            raise _Refusal("drops or moves messages of")
        return Scaffold(opening, tuple(following))

    def _check_arguments(self) -> None:
        words = set(_WORD.findall(self._text)) - _RESERVED
        for name in self._arguments:
            if name not in words:
                near = did_you_mean(f"template.{name}", [f"template.{word}" for word in sorted(words)])
                raise UserError(f"the chat template of {self._name} has no argument {name!r}{near}")


def find_thought(before_reply: str) -> Thought | None:
    """The reasoning that a template's text right before a reply opens; None if it opens none."""
    opened = _OPENED_THOUGHT.search(before_reply)
    return Thought(opened[0], _THOUGHTS[opened[1]]) if opened else None


class _Refusal(Exception):
    """A template that doesn't take the messages; the text says what it does with them."""


def _choose_template(templates: str | dict[str, str], chosen: str | None, name: str) -> str:
    """The template's text: the chosen one, the only one, or the one called "default"."""
    named = templates if isinstance(templates, dict) else {"default": templates}
    if chosen is not None and chosen.endswith(_TEMPLATE_SUFFIX):
        return _read_template(Path(chosen).expanduser())
    key = "default" if chosen is None else chosen
    if key in named:
        return named[key]
    known = ", ".join(sorted(named))
    if chosen is None:
        raise UserError(f"{name} has several chat templates: choose one with chat_template=NAME; there are: {known}")
    raise UserError(f"{name} has no chat template {chosen!r}{did_you_mean(chosen, named)}; there are: {known}")


def _read_template(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"can't read the chat template {str(path)!r}: {problem}") from None


def _with_date(template: str, date: datetime.date) -> str:
    """The template with its function for today's date replaced by a macro that gives the date."""
    if _DATE_FUNCTION not in template:
        return template
    forms = sorted({found[2] for found in _DATE_FORM.finditer(template)})
    cases = [
        f"{{%- if form == {json.dumps(f)} -%}}{{{{ {json.dumps(date.strftime(f))} }}}}{{%- endif -%}}" for f in forms
    ]
    newline = "\n" if template.startswith("\n") else ""  # a block swallows the line break after it
    return f"{{%- macro {_DATE_FUNCTION}(form) -%}}{''.join(cases)}{{%- endmacro %}}{newline}{template}"


def _group_roles(roles: Sequence[str], is_folded: bool) -> list[tuple[str, list[int]]]:
    """The messages to render: each one's role and the positions of its texts."""
    groups: list[tuple[str, list[int]]] = []
    for k, role in enumerate(roles):
        own = "user" if is_folded and role == "system" else role
        if is_folded and groups and groups[-1][0] == own:
            groups[-1][1].append(k)
        else:
            groups.append((own, [k]))
    return groups


def _make_message(role: str, group: Sequence[int], layout: _Layout) -> dict[str, Any]:
    text = _SEPARATOR.join(f"\ue000{k}\ue001" for k in group)
    return {"role": role, "content": [{"type": "text", "text": text}] if layout.in_parts else text}
