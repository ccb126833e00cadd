"""A run that can't learn is refused with its settings, in one line that names the cure."""

import re
from typing import Any

import pytest

from mirrormatch import games
from mirrormatch.config_file import parse_settings
from mirrormatch.errors import UserError
from mirrormatch.training import builders, estimators, matchmakers, objectives, rewards, sources
from mirrormatch.training.checks import check_config, win_sizes
from mirrormatch.training.config import RunConfig


def make_config(games: tuple[str, ...] = ("kuhn_poker",), play: Any = None, **sections: Any) -> RunConfig:
    given = {"games": list(games), "episodes": 12, **(play or {})}
    return parse_settings({"model": "nano", "play": given, "learn": {"steps": 4}, **sections}, RunConfig, "run.toml")


def refusal(games: tuple[str, ...] = ("kuhn_poker",), **sections: Any) -> str:
    with pytest.raises(UserError) as problem:
        check_config(make_config(games, **sections))
    assert "\n" not in str(problem.value)
    return str(problem.value)


# what is refused


@pytest.mark.parametrize("kind", ["group", "leave_one_out"])
def test_groups_need_several_games_of_a_deal(kind: str) -> None:
    message = refusal(estimator={"kind": kind})
    assert message == f"estimator {kind} compares games of one deal: set play.samples_per_deal to 2 or more"
    check_config(make_config(estimator={"kind": kind}, play={"samples_per_deal": 2}))


def test_the_outcome_of_a_single_hand_of_kuhn_poker_is_refused() -> None:
    """Never folding is optimal for the sign of the return, and ends at an exploitability of 0.333 chips."""
    assert refusal(reward={"outcome": {}}) == (
        "reward outcome changes kuhn_poker: its wins differ in size (1, 2); "
        "use [reward.scaled], or accept it by reward.outcome.changes_game = true"
    )


@pytest.mark.parametrize("name", ["stag_hunt", "iterated_prisoners_dilemma", "deal_or_no_deal"])
def test_the_outcome_of_mixed_motives_is_refused(name: str) -> None:
    assert f"changes {name}: its players' interests are mixed: what both gain counts as a draw" in refusal(
        ("tictactoe", name), reward={"outcome": {}}
    )


def test_the_outcome_of_games_with_equal_wins_is_accepted() -> None:
    check_config(make_config(("tictactoe", "connect_four"), reward={"outcome": {}}))


def test_a_changed_game_may_be_accepted_by_name() -> None:
    check_config(make_config(("kuhn_poker", "stag_hunt"), reward={"outcome": {"changes_game": True}}))


@pytest.mark.parametrize("objective", [{"kl": {}}, {"entropy": {}}, {"clipped": {"weight": 0.0}, "kl": {}}])
def test_a_loss_that_teaches_nothing_is_refused(objective: Any) -> None:
    message = refusal(objective=objective)
    assert message == "no term of the objective teaches anything: add [objective.clipped], or [objective.nll]"


@pytest.mark.parametrize(
    ("matchmaker", "expected"),
    [
        ({"kind": "fixed", "opponents": ["optimul"]}, "'optimul'"),
        ({"kind": "roles", "learners": {"Secnd": "x"}}, "no role is called 'Secnd'"),
    ],
)
def test_players_and_roles_that_do_not_exist_are_refused(matchmaker: Any, expected: str) -> None:
    message = refusal(matchmaker=matchmaker)
    assert expected in message and "did you mean" in message


@pytest.mark.parametrize("section", ["play", "measure"])
def test_a_game_that_does_not_exist_is_refused_with_the_nearest(section: str) -> None:
    sections: Any = {section: {"games": ["kuhn_pokr"]}}
    message = refusal(**sections)
    assert message.startswith("unknown game 'kuhn_pokr', did you mean 'kuhn_poker'?")


@pytest.mark.parametrize("kind", ["clipped", "kl"])
def test_episodes_of_a_file_have_no_log_probs_to_compare_with(kind: str) -> None:
    source = {"kind": "episodes", "files": ["games.jsonl"]}
    message = refusal(source=source, objective={"nll": {}, kind: {}})
    assert message.endswith(f"use [objective.nll] and leave out [objective.{kind}]")
    check_config(make_config(source=source, objective={"nll": {}, "entropy": {}}))


def test_every_stage_is_checked() -> None:
    stages = [{"steps": 1}, {"steps": 3, "estimator": {"kind": "group"}}]
    assert "set play.samples_per_deal" in refusal(stage=stages)


# settings


@pytest.mark.parametrize("section", ["source", "matchmaker", "estimator", "builder"])
def test_an_unknown_kind_is_refused_with_all_that_exist(section: str) -> None:
    sections: Any = {section: {"kind": "x"}}
    with pytest.raises(UserError, match=f"unknown {section} 'x'") as problem:
        make_config(**sections)
    assert "there are: " in str(problem.value) and "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("section", "given", "nearest"), [("reward", "scald", "scaled"), ("objective", "clip", "clipped")]
)
def test_an_unknown_term_is_refused_with_the_nearest(section: str, given: str, nearest: str) -> None:
    sections: Any = {section: {given: {}}}
    with pytest.raises(UserError, match=f"unknown {section} '{given}', did you mean '{nearest}'"):
        make_config(**sections)


def test_an_unknown_setting_of_a_plug_in_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=re.escape("did you mean 'dual_clip'?")):
        make_config(objective={"clipped": {"dualclip": 3}})


@pytest.mark.parametrize(
    ("play", "message"),
    [
        ({"episodes": 3, "samples_per_deal": 4}, "play.episodes must be at least 4"),
        ({"episodes": 10, "samples_per_deal": 4}, "play.episodes = 10 is no multiple of samples_per_deal = 4"),
    ],
)
def test_episodes_hold_whole_deals(play: Any, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        make_config(play=play)


@pytest.mark.parametrize("num", [1, 3])
def test_the_stages_steps_are_the_runs_steps(num: int) -> None:
    with pytest.raises(UserError, match=f"learn.steps = 4, and the stages' steps add up to {num + 2}"):
        make_config(stage=[{"steps": num}, {"steps": 2}])


@pytest.mark.parametrize(("names", "kind"), [(("kuhn_poker",), "return"), (("kuhn_poker", "tictactoe"), "scaled")])
def test_the_reward_of_several_games_is_scaled_by_default(names: tuple[str, ...], kind: str) -> None:
    assert make_config(names).reward == {kind: {}}


# what the checks know


def test_every_condition_that_a_plug_in_names_is_known() -> None:
    known = {"samples_per_deal", "equal_wins", "no_ratio"}
    for registry in (sources, matchmakers, rewards, estimators, builders, objectives):
        for name in registry.names():
            assert registry.get(name).needs <= known, name


@pytest.mark.parametrize(("name", "sizes"), [("kuhn_poker", {1.0, 2.0}), ("tictactoe", {1.0}), ("connect_four", {1.0})])
def test_the_sizes_of_wins_are_those_of_the_rules(name: str, sizes: set[float]) -> None:
    assert win_sizes(games.get(name)) == sizes
