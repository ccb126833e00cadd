"""The plain prompt: a short request, and a reply that is the move alone or ends in it."""

from typing import Any

import pytest

from mirrormatch import games, prompts
from mirrormatch.games import Observation, Problem, ProblemKind
from mirrormatch.prompts import Exchange, Message, PromptSettings, Reading

PLAIN = prompts.get("plain")
SEEN = Observation(0, "Your card is J.", ("bet", "check"))
KUHN = games.get("kuhn_poker")
OPENING = KUHN.apply(KUHN.apply(KUHN.start(), "J"), "K")


def find_move(reply: str) -> str | ProblemKind:
    """The move of Kuhn poker that a reply makes, or the kind of its problem."""
    answer = PLAIN.read(reply, truncated=False).answer
    move = answer if isinstance(answer, Problem) else KUHN.parse(OPENING, answer)
    return move.kind if isinstance(move, Problem) else move


def with_settings(**changes: Any) -> Any:
    return prompts.get("plain", PromptSettings.model_validate(changes))


@pytest.mark.parametrize("reply", [
    "bet", " Bet.\n", "**bet**", '"bet"', "`bet`", "Answer: bet", "**Answer:** bet", "My move is bet.", "Move: *bet*",
    "Final answer: bet", "The answer is: bet", "I play bet.", "I would choose bet", "The king is out.\n\nbet",
    "I hold the jack.\nAnswer: bet\n", "check? No.\nI'll go with bet", "<think>check?</think>\nbet", r"\boxed{bet}",
    "So I bluff: \\boxed{bet}\nThat is all.",
])  # fmt: skip
def test_a_move_alone_or_on_the_last_line_is_played(reply: str) -> None:
    assert find_move(reply) == "bet"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("", ProblemKind.NONE),
        (" \n ", ProblemKind.NONE),
        ("<think>bet</think>", ProblemKind.NONE),
        ("I would never bet with a jack here", ProblemKind.NONE),
        ("I bet that you hold the king", ProblemKind.NONE),
        ("I refuse to play bet", ProblemKind.NONE),
        ("Answer:\nbet is too bold", ProblemKind.NONE),
        ("bet or check", ProblemKind.AMBIGUOUS),
        ("bet, check", ProblemKind.AMBIGUOUS),
        (r"\boxed{bet} \boxed{check}", ProblemKind.AMBIGUOUS),
        ("call", ProblemKind.ILLEGAL),
        ("bet\ufffd", ProblemKind.GARBLED),
        ("x" * 50_001, ProblemKind.TOO_LONG),
    ],
)
def test_nothing_is_guessed(reply: str, kind: ProblemKind) -> None:
    assert find_move(reply) is kind


def test_a_reply_that_is_cut_off_may_end_in_half_a_move() -> None:
    answer = PLAIN.read("check", truncated=True).answer
    assert isinstance(answer, Problem) and answer.kind is ProblemKind.TRUNCATED


def test_text_before_the_last_line_is_reasoning() -> None:
    assert PLAIN.read("I hold the jack.\n\nAnswer: bet", truncated=False) == Reading("I hold the jack.", "bet")


def test_a_turn_is_the_rules_the_view_and_the_request() -> None:
    assert PLAIN.turn("The rules.", (), SEEN) == (
        Message("system", "The rules."),
        Message("user", "Your card is J.\nAnswer with one of: bet, check."),
    )


def test_without_the_list_the_move_alone_is_requested() -> None:
    assert (
        with_settings(list_legal=False).turn("", (), SEEN)[-1].text == "Your card is J.\nAnswer with your move alone."
    )


def test_free_text_is_requested_as_the_move_alone() -> None:
    assert PLAIN.turn("", (), Observation(0, "Give clue 1.", None))[-1].text.endswith("\nAnswer with your move alone.")


def test_reasoning_is_requested_only_on_demand() -> None:
    asked = with_settings(thinking=True).turn("", (), SEEN)[-1].text
    assert asked.endswith("\nThink in <think></think>, then answer with one of: bet, check.")


def test_a_repeated_request_names_the_error_before_the_request() -> None:
    asked = PLAIN.turn("", (), SEEN, "names 2 moves")[-1].text
    assert asked == "Your card is J.\nYour last reply was no move: names 2 moves.\nAnswer with one of: bet, check."


def test_a_history_repeats_earlier_requests_as_they_were() -> None:
    past = (Exchange(SEEN, "bet", (1, 2)),)
    messages = with_settings(history="full").turn("", past, SEEN)
    assert messages[1].text == messages[3].text and messages[2] == Message("assistant", "bet", (1, 2))


def test_a_problem_is_posed_with_the_request_behind_it() -> None:
    assert PLAIN.question("1 + 1?") == (
        Message("system", "Solve the problem."),
        Message("user", "1 + 1?\nAnswer with the solution alone."),
    )
