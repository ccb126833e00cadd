r"""The boxed prompt: parsing of replies, and messages to a model."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrormatch import prompts
from mirrormatch.games import Observation, Problem, ProblemKind
from mirrormatch.prompts import Exchange, Message, Prompt, PromptSettings, Reading

BOXED = prompts.get("boxed")
SEEN = Observation(0, "You are X.", ("1", "2"))
FREE = Observation(0, "You are the first player.", None)
PAST = tuple(
    Exchange(Observation(0, f"turn {k}", ("1",)), f"<think>thought {k}</think>\\boxed{{{k}}}", (k, k)) for k in range(3)
)
PIECES = ("<think>", "</think>", "\\boxed{", "}", "\ud800", "4")


def read_answer(reply: str, truncated: bool = False) -> str:
    answer = BOXED.read(reply, truncated).answer
    assert isinstance(answer, str), f"{reply[:80]!r}: {answer}"
    return answer


def read_problem(reply: str, truncated: bool = False) -> ProblemKind:
    read = BOXED.read(reply, truncated).answer
    assert isinstance(read, Problem), f"{reply[:80]!r} was read as {read!r}"
    return read.kind


def with_settings(**changes: object) -> Prompt:
    return prompts.get("boxed", PromptSettings.model_validate(changes))


def texts(messages: tuple[Message, ...]) -> list[str]:
    return [message.text for message in messages]


# the answer


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (r"\boxed{4}", "4"),
        (r"I take the \boxed{center}, of course.", "center"),
        (r"\boxed{ offer 1 wood -> 2 gold }", "offer 1 wood -> 2 gold"),
        ("\\boxed{two\n lines}", "two lines"),
        (r"\boxed{a{b}{c{d}}e}", "a{b}{c{d}}e"),
        (r"\boxed{4} and again \boxed{4}", "4"),
        (r"\boxed{ 4} and again \boxed{4 }", "4"),
        (r"\boxed{4} \boxed{never closed", "4"),
        (r"\boxed{}", ""),
        (r"\boxed{\text{stag}}", "stag"),
        (r"\boxed{\textbf{stag}}", "stag"),
        (r"\boxed{\mathrm{stag}}", "stag"),
        (r"\boxed{\texttt{stag}}", "stag"),
        (r"\boxed{\textbf{\text{stag}}}", "stag"),
        (r"\boxed{\text {stag}}", "stag"),
        (r"\boxed{\fbox{stag}}", "stag"),
        (r"\boxed{\boxed{stag}}", "stag"),
        (r"\fbox{stag}", "stag"),
        (r"\boxed {stag}", "stag"),
        (r"$$\boxed{\text{offer 1 wood} \to \text{2 gold}}$$", "offer 1 wood -> 2 gold"),
        (r"\boxed{cell\_4}", "cell_4"),
        (r"In \boxed{} I give \boxed{4}.", "4"),
        (r"\boxed{4} \boxed{\text{ }}", "4"),
        (r"\boxed{\text{stag}} and \boxed{stag}", "stag"),
    ],
)
def test_the_box_is_the_answer(reply: str, expected: str) -> None:
    assert read_answer(reply) == expected


def test_two_different_boxes_are_ambiguous() -> None:
    assert read_problem(r"\boxed{4} or \boxed{5}") is ProblemKind.AMBIGUOUS


@pytest.mark.parametrize("reply", ["", "4", "[4]", r"\boxed 4", r"boxed{4}", r"\boxed{4", r"\boxed{{4}", r"\Boxed{4}"])
def test_without_a_closed_box_there_is_no_answer(reply: str) -> None:
    assert read_problem(reply) is ProblemKind.NONE


def test_a_reply_cut_off_before_its_answer_is_truncated() -> None:
    assert read_problem(r"I take \boxed{4", truncated=True) is ProblemKind.TRUNCATED


def test_an_answer_given_before_the_cut_counts() -> None:
    assert read_answer(r"\boxed{4} because", truncated=True) == "4"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}\\\ufffd")))
def test_an_answer_in_its_own_form_is_read_back(move: str) -> None:
    assert read_answer(BOXED.format_answer(move)) == " ".join(move.split())


# the reasoning


def test_reasoning_is_kept_apart_from_the_answer() -> None:
    assert BOXED.read("<think>I bluff.</think>\n\\boxed{bet}", truncated=False) == Reading("I bluff.", "bet")


def test_a_box_in_the_reasoning_is_no_answer() -> None:
    assert read_answer(r"<think>\boxed{4}? No.</think>\boxed{5}") == "5"


def test_a_box_only_in_the_reasoning_is_no_answer() -> None:
    assert read_problem(r"<think>\boxed{4}</think>I don't know.") is ProblemKind.NONE


def test_a_box_in_reasoning_that_never_ends_is_no_answer() -> None:
    assert read_problem(r"<think>maybe \boxed{4}") is ProblemKind.NONE


def test_a_box_in_a_second_reasoning_that_never_ends_is_no_answer() -> None:
    assert read_problem(r"<think>so</think><think>maybe \boxed{4}") is ProblemKind.NONE


def test_reasoning_that_never_ends_is_truncated_by_the_budget() -> None:
    assert read_problem(r"<think>maybe \boxed{4}", truncated=True) is ProblemKind.TRUNCATED


def test_reasoning_that_never_ends_is_still_kept_apart() -> None:
    assert BOXED.read("<think>my card is K", truncated=True).thinking == "my card is K"


def test_reasoning_whose_opening_stood_in_the_prompt_is_kept_apart() -> None:
    assert BOXED.read(r"I bluff.</think>\boxed{bet}", truncated=False) == Reading("I bluff.", "bet")


@pytest.mark.parametrize("pieces", [*itertools.permutations(["<think>", "</think>", "secret", r"\boxed{4}"])])
def test_a_closed_reasoning_never_shows_in_the_answer(pieces: tuple[str, ...]) -> None:
    read = BOXED.read("".join(pieces), truncated=False).answer
    assert isinstance(read, Problem) or read == "4"


@pytest.mark.parametrize(
    "reply",
    [
        r"[THINK]I bluff.[/THINK]\boxed{bet}",
        r"<reasoning>I bluff.</reasoning>\boxed{bet}",
        r"<thought>I bluff.</thought> \boxed{bet}",
        r"<thinking>I bluff.</thinking>\boxed{bet}",
        r"<Think>I bluff.</Think>\boxed{bet}",
        r"I bluff.[/THINK]\boxed{bet}",
        r"<|channel|>analysis<|message|>I bluff.<|end|><|start|>assistant<|channel|>final<|message|>"
        r"\boxed{bet}<|return|>",
        r"<|channel|>analysis<|message|>I bluff.<|channel|>final<|message|>\boxed{bet}",
        r"<|channel|>analysis<|message|>I bluff.<|end|><|start|>assistant<|message|>\boxed{bet}<|end|>",
        r"<|channel|>analysis<|message|>I bluff.<|end|><|start|>assistant<|channel|>final<|message|>\boxed{bet}<|end|>"
        r"<|start|>user<|message|>\boxed{check}",
        r"<|channel|>analysis<|message|>I bluff.<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>"
        r"\boxed{bet}",
        r"analysisI bluff.assistantfinal\boxed{bet}",
        r"◁think▷I bluff.◁/think▷\boxed{bet}",
    ],
)
def test_reasoning_is_known_by_every_mark_that_models_use(reply: str) -> None:
    assert BOXED.read(reply, truncated=False) == Reading("I bluff.", "bet")


@pytest.mark.parametrize(
    "reply",
    [
        r"[THINK]maybe \boxed{4}",
        r"<reasoning>\boxed{4}</reasoning>",
        r"<thought>\boxed{4}",
        r"<|channel|>analysis<|message|>\boxed{4}",
        r"<|channel|>analysis<|message|>\boxed{4}<|end|>",
        r"<|channel|>analysis<|message|>so<|end|><|start|>assistant<|channel|>commentary<|message|>\boxed{4}<|end|>",
        r"analysisSo maybe \boxed{4}",
    ],
)
def test_a_box_in_reasoning_of_any_mark_is_no_answer(reply: str) -> None:
    assert read_problem(reply) is ProblemKind.NONE
    assert read_problem(reply, truncated=True) is ProblemKind.TRUNCATED


def test_different_spellings_are_kept_for_the_game_to_read() -> None:
    reading = BOXED.read(r"\boxed{4} \boxed{[4]} \boxed{}", truncated=False)
    assert isinstance(reading.answer, Problem) and reading.spellings == ("4", "[4]")


def test_more_answers_than_anyone_spells_one_are_not_kept() -> None:
    reply = "".join(f"\\boxed{{{k}}}" for k in range(9))
    assert BOXED.read(reply, truncated=False).spellings == ()


# malformed replies


def test_a_reply_of_100_000_characters_is_too_long() -> None:
    assert read_problem("x" * 100_000 + r"\boxed{4}") is ProblemKind.TOO_LONG


@pytest.mark.parametrize("text", [
    b"\\boxed{4}\xff".decode(errors="replace"), b"\xff\\boxed{4}".decode(errors="surrogateescape"),
    "\\boxed{4\ud83d}", "<think>so</think>\ufffd\\boxed{4}",
])  # fmt: skip
def test_a_reply_that_is_not_valid_text_is_garbled(text: str) -> None:
    assert read_problem(text) is ProblemKind.GARBLED


@pytest.mark.parametrize("piece", ["\ufffd", "\udc00"], ids=["replaced", "half a character"])
def test_finished_reasoning_that_is_not_valid_text_spoils_nothing(piece: str) -> None:
    assert BOXED.read(f"<think>a {piece}</think>\\boxed{{4}}", truncated=False).answer == "4"


@pytest.mark.parametrize("reply", ["I take \ufffd", "<think>so \ufffd", "\\boxed{4\ufffd\ufffd"])
def test_a_reply_cut_off_within_a_character_is_truncated(reply: str) -> None:
    assert read_problem(reply, truncated=True) is ProblemKind.TRUNCATED


def test_an_answer_before_half_a_character_counts() -> None:
    assert BOXED.read("\\boxed{4} \ufffd", truncated=True).answer == "4"


@pytest.mark.parametrize(
    "piece",
    [r"\boxed{", "{", "}", "<think>", "</think>", r"\boxed{}", "[THINK]", "<|channel|>", "<|message|>", r"\boxed ",
     "final", r"\text{", "<|start|>assistant", "<|channel|>analysis", "<|constrain|>", "analysis"],
)  # fmt: skip
def test_a_reply_of_one_piece_repeated_is_read_at_once(piece: str) -> None:
    read = BOXED.read(piece * (50_000 // len(piece)), truncated=False).answer
    assert read == "" if piece == r"\boxed{}" else isinstance(read, Problem)


@given(st.lists(st.sampled_from(PIECES) | st.text()).map("".join), st.booleans())
def test_any_reply_is_read_without_an_error(reply: str, truncated: bool) -> None:
    assert isinstance(BOXED.read(reply, truncated).answer, str | Problem)


# messages


def test_a_turn_is_the_rules_and_the_view() -> None:
    assert BOXED.turn("The rules.", (), SEEN) == (
        Message("system", "The rules.\nThink in <think></think>, then give your move in \\boxed{}."),
        Message("user", "You are X.\nLegal moves: 1, 2."),
    )


def test_legal_moves_can_be_left_out() -> None:
    assert texts(with_settings(list_legal=False).turn("", (), SEEN))[-1] == "You are X."


def test_free_text_lists_no_legal_moves() -> None:
    assert texts(BOXED.turn("", (), FREE))[-1] == "You are the first player."


def test_thinking_can_be_left_out() -> None:
    assert texts(with_settings(thinking=False).turn("Rules.", (), SEEN))[0] == "Rules.\nGive your move in \\boxed{}."


def test_a_repeated_request_names_the_error() -> None:
    asked = texts(BOXED.turn("", (), SEEN, "names 2 moves"))[-1]
    assert asked == "You are X.\nLegal moves: 1, 2.\nYour last reply was no move: names 2 moves."


@pytest.mark.parametrize(
    ("history", "expected"),
    [("state", []), ("bounded", ["turn 1", "turn 2"]), ("full", ["turn 0", "turn 1", "turn 2"])],
)
def test_history_keeps_as_many_turns_as_it_says(history: str, expected: list[str]) -> None:
    messages = with_settings(history=history, list_legal=False).turn("", PAST, SEEN)
    assert texts(messages)[1:-1:2] == expected


def test_a_bounded_history_of_a_short_game_is_all_of_it() -> None:
    messages = with_settings(history="bounded", history_turns=9, list_legal=False).turn("", PAST, SEEN)
    assert texts(messages)[1:-1:2] == ["turn 0", "turn 1", "turn 2"]


def test_own_replies_are_kept_as_they_were_sampled() -> None:
    own = with_settings(history="full").turn("", PAST, SEEN)[2]
    assert own == Message("assistant", "<think>thought 0</think>\\boxed{0}", (0, 0))


def test_own_thoughts_can_be_dropped() -> None:
    own = with_settings(history="full", keep_thoughts=False).turn("", PAST, SEEN)[2]
    assert own == Message("assistant", "\\boxed{0}")


def test_a_finished_thought_and_an_answer_are_read_as_such() -> None:
    assert BOXED.read(BOXED.format_thinking("so") + BOXED.format_answer("4"), truncated=False) == Reading("so", "4")
