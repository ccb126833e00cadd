"""Episodes in a file."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mirrormatch import games
from mirrormatch.agents.engines._types import Completion
from mirrormatch.agents.episodes import (
    MAX_REPLY_CHARS,
    append_episode,
    branch_episode,
    read_episodes,
    replay,
    to_json,
)
from mirrormatch.agents.play import play
from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.agents.types import Episode, Turn
from mirrormatch.errors import UserError
from mirrormatch.games.types import Observation, Problem, ProblemKind

COMPLETION = Completion(
    token_ids=(7, 8, 2), logprobs=(-0.1, -2.5, -1e-9), text="<think>hm</think>b", finish="stop", adapter="ab12"
)
TURN = Turn(
    role=0,
    observation=Observation(0, "Your card is Q.", ("bet", "check")),
    reply="<think>hm</think>b",
    thinking="hm",
    action=None,
    problem=Problem(ProblemKind.NONE, "no move in 'b'"),
    prompt_ids=(1, 5, 5),
    completion=COMPLETION,
    view_key=2**62,
    rewards=(-2.0, 2.0),
)
EPISODE = Episode(
    game="kuhn_poker",
    version=1,
    seed=2**62,
    seats=("nano+x", "random"),
    deal=("Q", "J"),
    turns=(TURN,),
    returns=(-2.0, 2.0),
    outcome=("loss", "win"),
    forfeited_by=0,
    parts=("first", "second"),
    players=("main@40", "random"),
    sample=3,
)


SCHEMA_1 = Path(__file__).parent / "data" / "schema_1.jsonl"  # written before parts, samples and rewards
EPISODE_LINE = (
    '{"schema": 2, "game": "kuhn_poker", "version": 1, "seed": 4611686018427387904, "seats": ["nano+x", "random"], '
    '"deal": ["Q", "J"], "turns": [{"role": 0, "observation": {"role": 0, "text": "Your card is Q.", "legal": '
    '["bet", "check"]}, "reply": "<think>hm</think>b", "thinking": "hm", "action": null, "problem": {"kind": "none", '
    '"detail": "no move in \'b\'"}, "generated": {"adapter": "ab12", "finish": "stop", "num_tokens": 3, "tokens": '
    '{"prompt_ids": [1, 5, 5], "token_ids": [7, 8, 2], "logprobs": [-0.1, -2.5, -1e-09], "text": '
    '"<think>hm</think>b"}}, "view_key": 4611686018427387904, "rewards": [-2.0, 2.0]}], "returns": [-2.0, 2.0], '
    '"outcome": ["loss", "win"], "forfeited_by": 0, "parts": ["first", "second"], "players": ["main@40", "random"], '
    '"sample": 3}'
)


def random_episode(name: str, seed: int = 1) -> Episode:
    game = games.get(name)
    return asyncio.run(play(game, [RandomAgent()] * len(game.info.roles), seed))


def write_lines(path: Path, *texts: str) -> Path:
    path.write_text("".join(texts), encoding="utf-8")
    return path


def test_the_format_does_not_change(tmp_path: Path) -> None:
    assert to_json(EPISODE, tokens=True) == EPISODE_LINE
    assert list(read_episodes(write_lines(tmp_path / "e.jsonl", EPISODE_LINE + "\n"))) == [EPISODE]


@pytest.mark.parametrize("name", games.names())
def test_what_was_written_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    written = [random_episode(name, seed) for seed in range(3)]
    for episode in written:
        append_episode(path, episode)
    assert list(read_episodes(path)) == written


def test_a_file_of_schema_1_is_read_without_what_it_lacks() -> None:
    read = list(read_episodes(SCHEMA_1))
    assert [e.returns for e in read] == [(-1.0, 1.0), (-5.0, 5.0), (-1.0, 1.0), (3.0, 8.0)]
    assert {(e.schema, e.parts, e.players, e.sample) for e in read} == {(2, (), None, 0)}
    assert {(t.view_key, t.rewards) for e in read for t in e.turns} == {(None, None)}


def test_an_episode_of_schema_1_is_written_as_schema_2(tmp_path: Path) -> None:
    old = next(read_episodes(SCHEMA_1))
    append_episode(tmp_path / "e.jsonl", old)
    assert json.loads((tmp_path / "e.jsonl").read_text())["schema"] == 2
    assert list(read_episodes(tmp_path / "e.jsonl")) == [old]


def test_the_time_of_a_reply_is_neither_compared_nor_written() -> None:
    slow = replace(EPISODE, turns=(replace(TURN, seconds=9.5),))
    assert slow == EPISODE and to_json(slow) == to_json(EPISODE)


def test_with_tokens_nothing_is_lost(tmp_path: Path) -> None:
    append_episode(tmp_path / "e.jsonl", EPISODE, tokens=True)
    assert list(read_episodes(tmp_path / "e.jsonl")) == [EPISODE]


def test_without_tokens_the_ids_are_left_out(tmp_path: Path) -> None:
    append_episode(tmp_path / "e.jsonl", EPISODE)
    bare = replace(EPISODE, turns=(replace(TURN, prompt_ids=None, completion=None),))
    assert list(read_episodes(tmp_path / "e.jsonl")) == [bare]


def test_without_tokens_the_adapter_the_end_and_the_length_remain() -> None:
    generated = json.loads(to_json(EPISODE))["turns"][0]["generated"]
    assert generated == {"adapter": "ab12", "finish": "stop", "num_tokens": 3, "tokens": None}


def test_a_line_is_one_line_of_plain_ascii() -> None:
    nasty = replace(TURN, reply="\x1b[31m red \n \u2028 ü \ud800")
    line = to_json(replace(EPISODE, turns=(nasty,)))
    assert line.isascii() and line.isprintable()


def test_half_a_character_is_replaced_which_keeps_the_line_readable(tmp_path: Path) -> None:
    append_episode(tmp_path / "e.jsonl", replace(EPISODE, turns=(replace(TURN, reply="a\ud800b"),)))
    assert next(read_episodes(tmp_path / "e.jsonl")).turns[0].reply == "a\ufffdb"


def test_a_broken_line_is_named_by_file_and_number(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "e.jsonl", to_json(EPISODE) + "\n", "{broken\n", to_json(EPISODE) + "\n")
    with pytest.raises(UserError, match=r"e\.jsonl', line 2: Invalid JSON"):
        list(read_episodes(path))


def test_the_lines_before_a_broken_one_are_still_read(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "e.jsonl", to_json(EPISODE, tokens=True) + "\n", "{broken\n")
    assert next(read_episodes(path)) == EPISODE


def test_a_torn_last_line_is_called_torn(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "e.jsonl", to_json(EPISODE) + "\n", to_json(EPISODE)[:200])
    with pytest.raises(UserError, match="line 2: torn"):
        list(read_episodes(path))


def test_nothing_is_glued_to_a_torn_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "e.jsonl", to_json(EPISODE)[:200])
    with pytest.raises(UserError, match="ends in the middle of a line"):
        append_episode(path, EPISODE)
    assert path.read_text(encoding="utf-8") == to_json(EPISODE)[:200]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sead": 3}, "sead: Extra inputs are not permitted"),
        ({"schema": 3}, "schema: Input should be 1 or 2"),
        ({"parts": ["spy"]}, r"2 seats, parts \('spy',\)"),
        ({"game": None}, "game: Input should be a valid string"),
        ({"returns": [1.0]}, "2 seats, 1 returns and 2 outcomes"),
        ({"forfeited_by": 7}, "role 7 in a game of 2 seats"),
        ({"outcome": ["win", "victory"]}, r"outcome\.1: Input should be 'win', 'draw' or 'loss'"),
    ],
)
def test_the_error_of_a_line_that_is_no_episode_gives_the_reason(
    change: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "e.jsonl", json.dumps(json.loads(to_json(EPISODE)) | change) + "\n")
    with pytest.raises(UserError, match=f"line 1: .*{complaint}"):
        list(read_episodes(path))


def test_bytes_that_are_no_text_are_a_broken_line(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(UserError, match="line 1: "):
        list(read_episodes(path))


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"can't read episodes from .*: No such file"):
        list(read_episodes(tmp_path / "none.jsonl"))


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"can't write episodes to .*: No such file"):
        append_episode(tmp_path / "none" / "e.jsonl", EPISODE)


@pytest.mark.parametrize("name", games.names())
def test_an_episode_can_be_replayed_to_its_returns(name: str) -> None:
    game = games.get(name)
    for seed in range(5):
        episode = random_episode(name, seed)
        *_, last = replay(game, episode)
        assert game.to_act(last) == games.OVER
        assert game.returns(last) == episode.returns


def test_a_forfeited_episode_is_replayed_to_where_it_stopped() -> None:
    *_, last = replay(games.get("kuhn_poker"), EPISODE)
    assert games.get("kuhn_poker").to_act(last) == 0


def test_other_rules_than_those_recorded_are_refused() -> None:
    with pytest.raises(UserError, match="kuhn_poker version 9 can't be replayed by kuhn_poker version 1"):
        list(replay(games.get("kuhn_poker"), replace(EPISODE, version=9)))


def test_a_record_that_breaks_the_rules_is_refused() -> None:
    with pytest.raises(UserError, match="doesn't fit the rules of kuhn_poker"):
        list(replay(games.get("kuhn_poker"), replace(EPISODE, turns=(replace(TURN, action="fold"),))))


@pytest.mark.parametrize("name", games.names())
def test_a_branch_at_any_move_with_the_same_seed_is_the_same_episode(name: str) -> None:
    game = games.get(name)
    episode = random_episode(name, 4)
    for num_moves in range(len(episode.turns)):
        start = branch_episode(game, episode, num_moves)
        assert asyncio.run(play(game, [RandomAgent()] * len(game.info.roles), 4, start=start)) == episode


def test_a_branch_keeps_the_failed_replies_before_its_last_move() -> None:
    bad, good = replace(TURN, action=None), replace(TURN, action="bet", problem=None)
    episode = replace(EPISODE, turns=(bad, bad, good, bad))
    assert branch_episode(games.get("kuhn_poker"), episode, 0).turns == ()
    assert branch_episode(games.get("kuhn_poker"), episode, 1).turns == (bad, bad, good)


def test_a_finished_game_has_no_branch() -> None:
    with pytest.raises(UserError, match="is over after 9 moves"):
        branch_episode(games.get("kuhn_poker"), random_episode("kuhn_poker"), 9)


def test_of_an_endless_reply_the_beginning_is_recorded_with_the_number_of_the_rest(tmp_path: Path) -> None:
    turn = replace(TURN, reply="x" * 30_000_000, thinking="y" * (MAX_REPLY_CHARS + 1))
    append_episode(tmp_path / "e.jsonl", replace(EPISODE, turns=(turn,)))
    assert (tmp_path / "e.jsonl").stat().st_size < 300_000
    (read,) = read_episodes(tmp_path / "e.jsonl")
    assert read.turns[0].reply == "x" * MAX_REPLY_CHARS + "… (29,900,000 more characters)"
    assert read.turns[0].thinking.endswith("y… (1 more characters)")


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "1e999"])
def test_an_episode_with_a_return_that_is_not_finite_is_refused(number: str, tmp_path: Path) -> None:
    line = to_json(EPISODE).replace('[-2.0, 2.0], "outcome"', f'[{number}, 2.0], "outcome"')
    with pytest.raises(UserError, match=r"line 1: returns\.0: Input should be a finite number"):
        list(read_episodes(write_lines(tmp_path / "e.jsonl", line + "\n")))
