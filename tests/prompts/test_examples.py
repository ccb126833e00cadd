"""Few-shot examples are positions of other games, with legal moves, always the same ones."""

import pytest

from mirrormatch import games, prompts
from mirrormatch.games import Observation
from mirrormatch.prompts import PromptSettings
from mirrormatch.prompts.examples import list_examples, make_example, request_move

KUHN, TICTACTOE = games.get("kuhn_poker"), games.get("tictactoe")
NOWHERE = Observation(0, "a position of no game", ())


def deal(cards: str) -> Observation:
    state = KUHN.start()
    for card in cards:
        state = KUHN.apply(state, card)
    return KUHN.observe(state, 0)


@pytest.mark.parametrize("name", games.names())
def test_an_example_of_every_game_is_a_move_at_a_position(name: str) -> None:
    game = games.get(name)
    for number in range(2):
        observation, move, seen = make_example(game, number)
        assert observation.legal is None or move in observation.legal
        assert observation.text in seen


@pytest.mark.parametrize("form", prompts.names())
def test_examples_come_before_the_position_in_hand_and_read_as_their_moves(form: str) -> None:
    prompt = prompts.get(form, PromptSettings(examples=3))
    observation = deal("QK")
    messages = request_move(prompt, KUHN, (), observation)
    assert [m.role for m in messages] == ["system", *("user", "assistant") * 3, "user"]
    assert messages[:1] + messages[-1:] == prompt.turn(KUHN.rules(), (), observation)
    for asked, replied in zip(messages[1:-1:2], messages[2:-1:2], strict=True):
        move = prompt.read(replied.text, truncated=False).answer
        assert isinstance(move, str) and move in ("bet", "check", "call", "fold") and move in asked.text


def test_without_examples_the_messages_are_those_of_the_prompt() -> None:
    prompt, observation = prompts.get("boxed"), deal("QK")
    assert request_move(prompt, KUHN, (), observation) == prompt.turn(KUHN.rules(), (), observation)


@pytest.mark.parametrize("cards", ["JQ", "JK", "QJ", "QK", "KJ", "KQ"])
def test_no_example_is_of_a_game_in_which_a_role_sees_the_same(cards: str) -> None:
    observation = deal(cards)
    found = list(list_examples(KUHN, observation))
    assert len(found) >= 4 and all(observation.text not in example.seen for example in found)


def test_an_empty_board_is_no_example_of_itself_but_later_positions_are() -> None:
    observation = TICTACTOE.observe(TICTACTOE.start(), 0)
    found = list(list_examples(TICTACTOE, observation))
    assert len(found) >= 4 and observation.text not in {example.observation.text for example in found}


def test_no_position_is_shown_twice() -> None:
    shown = [example.observation for example in list_examples(KUHN, NOWHERE)]
    assert len(shown) == len(set(shown)) > 8


def test_examples_are_the_same_in_every_process() -> None:
    first = make_example(KUHN, 0)
    assert (first.observation.text.splitlines()[0], first.move) == ("You are the second player. Your card is K.", "bet")
