"""The command line, called as a function: help, errors, and the commands that need no model."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.runner import Cli
from tests.paths import ROOT

from mirrormatch import __version__, agents, games
from mirrormatch.agents.episode_text import MAX_TEXT_CHARS
from mirrormatch.agents.episodes import read_episodes
from mirrormatch.agents.players.human import describe_legal_moves
from mirrormatch.agents.types import Decision, Episode, Reply
from mirrormatch.cli import COMMANDS, overview
from mirrormatch.cli.arguments import CLASSICS, LISTED
from mirrormatch.cli.terminal.game_list import fit_rows
from mirrormatch.cli.terminal.screen import describe_result
from mirrormatch.games import Observation

HEAVY = ("numpy", "pydantic", "rich", "torch", "transformers")
MISTAKEN_ARGUMENTS = ("play", "eval", "match kuhn_poker random --episodes 0", "train a.toml --resum", "list gmaes")
NEEDS_A_MODEL_OR_A_TERMINAL = (
    "play", "train", "sweep", "eval exploitability", "eval transfer", "compare", "report", "watch", "top", "serve",
)  # fmt: skip
PLAN = "a plan \x1b[31mto [bold]bluff[/bold]\x1b[0m"
BROKEN_GAME = """
from mirrormatch import games

class Twisted(type(games.get("kuhn_poker"))):
    def legal(self, state):
        return tuple(reversed(super().legal(state)))

GAME = Twisted()
"""


class Thinker:
    """Plays like `random` with reasoning, and makes no move in its first reply of each turn."""

    spec = "thinker"
    max_retries: int | None = 1

    async def act(self, decision: Decision) -> Reply:
        if decision.problem is None:
            return Reply(answer="perhaps", text="perhaps", thinking=PLAN)
        move = decision.game.sample(decision.view, decision.observation.legal, decision.rng())
        return Reply(answer=move, text=move, thinking="x" * (MAX_TEXT_CHARS + 5))


# Help.


def test_help_and_version_are_results(cli: Cli) -> None:
    assert cli("--help") == (0, overview(), "")
    assert cli("--version") == (0, f"mirrormatch {__version__}\n", "")


def test_an_empty_command_line_prints_the_help_on_stderr(cli: Cli) -> None:
    assert cli() == (2, "", overview())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_the_help_of_each_command_opens_with_an_example_of_it(cli: Cli, command: Any) -> None:
    printed = cli(*command.name.split(), "--help")
    assert printed.code == 0 and printed.err == ""
    assert printed.out.startswith(f"Example: mirrormatch {command.name} ")
    assert command.name in overview()


@pytest.mark.parametrize(
    "example", [c.example for c in COMMANDS if c.name not in NEEDS_A_MODEL_OR_A_TERMINAL], ids=lambda e: e
)
def test_the_examples_run(cli: Cli, example: str) -> None:
    printed = cli(*shlex.split(example)[1:])
    assert printed.code == 0 and printed.out


def test_help_fits_a_terminal_of_80_columns() -> None:
    assert max(map(len, overview().splitlines())) <= 80


@pytest.mark.parametrize(
    "line", ["--help", "eval --help", "--version", *(f"{c.name} --help" for c in COMMANDS), *MISTAKEN_ARGUMENTS]
)
def test_help_and_errors_in_the_arguments_load_no_command_and_nothing_heavy(line: str) -> None:
    program = f"import sys; from mirrormatch.cli import main; main({line.split()!r}); print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = ended.stdout.splitlines()[-1].split()
    assert [name for name in loaded if name.split(".")[0] in HEAVY or name.startswith("mirrormatch.cli.")] == [
        "mirrormatch.cli.arguments"
    ]


def test_a_match_between_players_without_a_model_loads_no_library_of_models() -> None:
    words = "match kuhn_poker random optimal --episodes 2".split()
    program = f"import sys; from mirrormatch.cli import main; main({words!r}); print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"torch", "transformers", "peft", "trl"} & set(ended.stdout.splitlines()[-1].split()) == set()


# Mistakes.


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plya kuhn_poker", "unknown command 'plya', did you mean 'play'?"),
        ("eval gmaes random", "unknown command 'eval gmaes', did you mean 'eval games'?"),
        ("eval", "'mirrormatch eval' needs one more word: eval games, eval exploitability, eval transfer"),
        ("--versoin", "unknown option '--versoin', did you mean '--version'?"),
        ("play kuhn_poker --oponent random", "unknown option '--oponent', did you mean '--opponent'?"),
        ("play --oponent", "unknown option '--oponent', did you mean '--opponent'?"),
        ("match kuhn_poker random optimal --episode=5", "unknown option '--episode', did you mean '--episodes'?"),
        ("play kuhn_pokr", "unknown game 'kuhn_pokr', did you mean 'kuhn_poker'?"),
        ("play kuhn_poker --opponent rnadom", "unknown agent 'rnadom', did you mean 'random'?"),
        ("play kuhn_poker --opponent random:x", "agent 'random' takes no argument, 'x' was given"),
        ("play kuhn_poker --opponent random --seat 3", "no seat '3' in kuhn_poker; there are: 1 (first), 2 (second)"),
        ("play kuhn_poker --opponent random --seat 0", "no seat '0' in kuhn_poker"),
        (
            "play kuhn_poker --opponent random --seat secnd",
            "unknown seat of kuhn_poker 'secnd', did you mean 'second'?",
        ),
        ("play kuhn_poker --seed x", "argument --seed: 'x' is not a whole number"),
        ("play kuhn_poker tictactoe", "unexpected 'tictactoe'"),
        ("play sokoban --opponent random", "sokoban is a single-player game without opponents"),
        ("play openspiel", "'openspiel' is a library of games: openspiel/NAME"),
        ("play openspiel/", "(mirrormatch list games --library openspiel)"),
        ("match ./mine.py random optimal", "'./mine.py' is a file: mirrormatch check game ./mine.py"),
        ("match kuhn_poker random", "needs at least two agents, 1 given"),
        ("match kuhn_poker random random optimal", "'random' is given more than once beside others"),
        ("match kuhn_poker random optimal --episodes 0", "0 is too small, it must be 1 or more"),
        ("match kuhn_poker random optimal --episodes many", "'many' is not a whole number"),
        ("list bridges", "'bridges' are called libraries: mirrormatch list libraries"),
        ("list games --library openspeil", "unknown library 'openspeil', did you mean 'openspiel'?"),
        ("list gmaes", "unknown kind 'gmaes', did you mean 'games'?"),
        ("list", "the following arguments are required: KIND (mirrormatch list --help)"),
        ("check game ./nowhere.py", "no Python file at 'nowhere.py'"),
        ("watch nowhere.jsonl", "can't read episodes from 'nowhere.jsonl': No such file or directory"),
    ],
)
def test_a_mistake_is_reported_in_one_line_that_names_the_nearest(cli: Cli, line: str, expected: str) -> None:
    assert expected in cli.refusal(*line.split())


def test_an_error_message_holds_no_terminal_escape_from_the_input(cli: Cli) -> None:
    assert "\x1b" not in cli.refusal("play", "\x1b[31mred\nsecond line")


def test_a_fault_of_ours_keeps_its_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_error(spec: str) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(agents, "get", raise_error)
    with pytest.raises(ZeroDivisionError):
        cli("match", "kuhn_poker", "random", "optimal")


def test_a_closed_pipe_is_quiet() -> None:
    shown = subprocess.run(
        f"{shlex.quote(sys.executable)} -m mirrormatch.cli match kuhn_poker random optimal --episodes 10 --json | true",
        shell=True,
        capture_output=True,
    )
    assert shown.stderr == b""


# play


def test_moves_may_come_from_a_pipe_and_are_echoed(cli: Cli) -> None:
    printed = cli("play", "kuhn_poker", "--opponent", "random", "--seed", "3", typed="foo\nbet\n")
    assert printed.code == 0
    assert "first > foo\nNo move in 'foo'. Try again.\nfirst > bet\n" in printed.out


def test_a_pipe_that_ends_early_leaves_the_game(cli: Cli) -> None:
    printed = cli("play", "kuhn_poker", "--opponent", "random", "--seed", "3", typed="foo\n")
    assert printed.code == 0 and printed.out.endswith("You left the game.\n")


@pytest.mark.parametrize("seat", ["2", "second", "SECOND"])
def test_a_seat_is_a_number_from_1_or_a_name(cli: Cli, seat: str) -> None:
    printed = cli("play", "kuhn_poker", "--opponent", "random", "--seed", "3", "--seat", seat)
    assert "First: random, second: you." in printed.out


def test_a_seed_is_drawn_and_shown_when_none_is_given(cli: Cli) -> None:
    assert re.search(r"Seed \d+\.", cli("play", "tictactoe", "--opponent", "random").out)


def play_against_thinker(cli: Cli, monkeypatch: pytest.MonkeyPatch, *extra: str) -> str:
    monkeypatch.setattr(agents, "get", lambda spec, constrain: Thinker())
    line = ("play", "kuhn_poker", "--opponent", "random", "--seed", "3", "--seat", "2", *extra)
    return cli(*line, typed="pass\npass\n").out


def test_reasoning_is_hidden_until_the_end_and_then_shown_without_escapes(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    during, _, after = play_against_thinker(cli, monkeypatch).partition("The end:")
    assert "a plan" not in during and "perhaps" not in during
    assert "What thinker thought (first):\n  1. a plan to [bold]bluff[/bold]\n" in after
    assert "-> no move: no move in 'perhaps' (none)" in after
    assert "\x1b" not in after


def test_replies_that_are_no_moves_are_shown_with_what_to_try(cli: Cli) -> None:
    printed = cli("play", "kuhn_poker", "--opponent", "scripted:I refuse", "--seat", "2").out
    assert "  1. I refuse\n  -> no move: no \\boxed{} answer (none)\n  2. I refuse\n" in printed
    assert "2 replies were no moves. To try: --opponent scripted:I refuse,prompt=plain,examples=2\n" in printed


def test_cut_off_replies_are_answered_with_held_ones_and_a_larger_budget(cli: Cli, tiny: Path) -> None:
    opponent = ("--opponent", f"hf:{tiny},constrain=no,max_tokens=4")
    printed = cli("play", "kuhn_poker", *opponent, "--seat", "2", "--seed", "1").out  # some seeds end a reply earlier
    assert f"To try: --opponent hf:{tiny},constrain=yes,max_tokens=16,prompt=plain,examples=2\n" in printed


def test_an_engine_that_holds_no_answers_refuses_to(cli: Cli) -> None:
    shown = cli.refusal("match", "kuhn_poker", "scripted:x,constrain=yes", "random")
    assert "constrain=yes needs hf, vllm, or a server of vLLM or llama.cpp" in shown


def test_a_model_s_answers_are_held_to_legal_moves_and_the_file_says_so(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "games.jsonl"
    words = ("play", "kuhn_poker", "--seat", "2", "--seed", "1", "--save", str(file))
    seats = []
    for opponent in ("nano", "nano,constrain=no"):
        shown = cli(*words, "--opponent", opponent, typed="bet\ncall\n").out
        assert f"First: {opponent}, second: you." in shown
        seats.append(list(read_episodes(file))[-1].seats[0])
    assert seats == ["nano,constrain=yes", "nano,constrain=no"]


def test_endless_reasoning_is_cut(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "… (5 more characters)" in play_against_thinker(cli, monkeypatch)


def test_the_others_card_is_hidden_until_the_end(cli: Cli) -> None:
    printed = cli("play", "kuhn_poker", "--opponent", "random", "--seed", "3", typed="bet\n")
    during, _, after = printed.out.partition("The end:")
    assert during.count("Your card is") == 1
    assert "What random saw (second):\n  You are the second player. Your card is" in after


def test_views_without_hidden_information_are_not_shown_again(cli: Cli) -> None:
    moves = "\n".join("123456789" * 9)
    assert "What random saw" not in cli("play", "tictactoe", "--opponent", "random", typed=moves).out


def test_a_result_is_shown_in_words(cli: Cli) -> None:
    def bet_first(seed: int) -> str:
        return cli("play", "kuhn_poker", "--opponent", "optimal", "--seed", str(seed), typed="bet\n").out

    results = {line for seed in range(12) for line in bet_first(seed).splitlines() if line.startswith("You ")}
    assert {"You win: +1 (second: -1).", "You win: +2 (second: -2).", "You lose: -2 (second: +2)."} <= results


def test_a_game_for_one_is_played_alone_and_loads_no_model(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    human = agents.get("human")
    monkeypatch.setattr(agents, "get", lambda spec, constrain: {"human": human}[spec])
    printed = cli("play", "sokoban", "--seed", "1")
    assert "Player: you. Seed 1." in printed.out and printed.out.endswith("You left the game.\n")


def test_settings_are_in_the_title(cli: Cli) -> None:
    printed = cli("play", "liars_dice:players=3,dice=1", "--opponent", "random")
    assert printed.out.startswith("Liars dice (players=3, dice=1). Bids about dice")


def test_a_tie_for_the_best_return_is_a_shared_result() -> None:
    shared = make_episode(returns=(1 / 3, -1.0, 1 / 3, 1 / 3), outcome=("draw", "loss", "draw", "draw"))
    assert describe_result(shared, 0, "abcd") == "You share the best result: +0.333 (b: -1, c: +0.333, d: +0.333)."
    assert describe_result(make_episode(returns=(0.0, 0.0), outcome=("draw", "draw")), 1, "ab") == "A draw: 0 (a: 0)."


def make_episode(returns: tuple[float, ...], outcome: tuple[Any, ...]) -> Episode:
    return Episode(
        game="g", version=1, seed=0, seats=("x",) * len(returns), deal=(), turns=(), returns=returns, outcome=outcome,
        forfeited_by=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        (("a10", "a9", "b1"), "a9, a10, b1"),
        (tuple(map(str, range(1, 51))), "1 to 50"),
        (tuple(map(str, range(1, 10))), "1, 2, 3, 4, 5, 6, 7, 8, 9"),
        (("from (1, 2)", "from (1, 3)"), "from (1, 2); from (1, 3)"),
        (tuple(f"move{k}" for k in range(1000, 1200)), "more; ? lists them all"),
    ],
)
def test_long_lists_of_moves_stay_readable(moves: tuple[str, ...], expected: str) -> None:
    seen = Observation(role=0, text="", legal=tuple(sorted(moves)))
    decision = Decision(game=games.get("nim"), view=None, observation=seen)
    assert describe_legal_moves(decision).endswith(expected) and len(describe_legal_moves(decision)) < 700
    assert moves[-1] in describe_legal_moves(decision, whole=True)


def test_a_question_mark_lists_every_move(cli: Cli) -> None:
    line = ("play", "liars_dice:players=4,dice=4", "--opponent", "random", "--seed", "1")
    assert "16x6" in cli(*line, typed="?\n").out


def test_played_games_are_kept_only_when_asked(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    cli("play", "kuhn_poker", "--opponent", "random", "--seed", "3", "--save", str(path), typed="bet\n")
    (episode,) = read_episodes(path)
    assert episode.seats == ("human", "random") and episode.seed == 3


# match and eval games


def test_a_match_prints_one_json_object_and_nothing_else(cli: Cli) -> None:
    shown = cli.json("match", "kuhn_poker", "random", "optimal", "--episodes", "10", "--seed", "4")
    assert (shown["schema"], shown["game"], shown["episodes"], shown["seed"]) == (1, "kuhn_poker", 10, 4)
    assert [a["spec"] for a in shown["agents"]] == ["random", "optimal"]


def test_a_match_is_shown_as_a_table_with_intervals(cli: Cli) -> None:
    printed = cli("match", "kuhn_poker", "random", "optimal", "--episodes", "10")
    assert re.search(r"return +[+-]\d\.\d\d \[[+-]\d\.\d\d, [+-]\d\.\d\d\]", printed.out)
    assert "kuhn_poker, 10 episodes, seed 0" in printed.out and printed.err == ""


def test_rounding_up_is_reported_on_stderr(cli: Cli) -> None:
    printed = cli("match", "kuhn_poker", "random", "optimal", "--episodes", "9", "--json")
    assert "10 episodes instead of 9" in printed.err
    assert json.loads(printed.out)["episodes"] == 10


def test_a_mirror_match_is_marked(cli: Cli) -> None:
    printed = cli("match", "kuhn_poker", "random", "random", "--episodes", "8")
    assert "(mirror match)" in printed.out and "no evidence of its strength" in printed.err


def test_what_went_wrong_is_in_the_table_by_kind(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from mirrormatch.agents.players.random import RandomAgent

    monkeypatch.setattr(agents, "get", lambda spec: Thinker() if spec == "random" else RandomAgent())
    printed = cli("match", "kuhn_poker", "random", "optimal", "--episodes", "10")
    assert re.search(r"no moves +none \d+ +-", printed.out)


def test_a_match_shows_what_was_timed_and_the_choice(cli: Cli, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirrormatch.agents.engines.hf.cpu_speed.TINY_PARAMETERS", 0)
    line = ("match", "kuhn_poker", f"hf:{tiny},max_tokens=4,max_batch=9", "random", "--episodes", "2")
    shown = cli(*line, "--verbose").err
    assert re.search(r"computes in \w+, 1 thread, measured; float32, 1 thread: \d\.\d{4} s; bfloat16, 1 thread", shown)
    assert "computes in" not in cli(*line).err


def test_a_person_who_leaves_a_match_leaves_no_result(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the finished games are written there
    printed = cli("match", "kuhn_poker", "human", "random", "--episodes", "2", typed="bet\n")
    assert printed.code == 2 and printed.out == ""
    assert "mirrormatch: error: the person at the keyboard left, so there is no result" in printed.err


def test_a_person_can_sit_in_a_match_and_results_stay_clean(cli: Cli) -> None:
    line = ("match", "kuhn_poker", "human", "random", "--episodes", "2", "--json")
    printed = cli(*line, typed="pass\n" * 9)
    assert printed.code == 0 and json.loads(printed.out)["episodes"] == 2
    assert printed.err.count("Kuhn poker with three cards") == 1


def test_eval_games_meets_random_and_optimal_in_every_game(cli: Cli) -> None:
    shown = cli.json("eval", "games", "random", "--episodes", "4")
    assert shown["schema"] == 1 and shown["spec"] == "random"
    assert [m["game"] for m in shown["matches"]] == [n for n in CLASSICS for _ in range(2)]
    assert [len(m["agents"]) for m in shown["matches"]] == [1, 2] * len(CLASSICS)


# watch


@pytest.fixture
def recorded(cli: Cli, tmp_path: Path) -> Path:
    path = tmp_path / "episodes.jsonl"
    cli("match", "kuhn_poker", "optimal", "random", "--episodes", "4", "--save", str(path))
    return path


def test_a_file_of_episodes_is_replayed(cli: Cli, recorded: Path) -> None:
    printed = cli("watch", str(recorded))
    assert printed.code == 0
    assert re.findall(r"Episode (\d): kuhn_poker", printed.out) == ["1", "2", "3", "4"]
    assert "1. first (optimal):\n  You are the first player. Your card is" in printed.out
    assert len(re.findall(r"The end: first [+-]\d \(\w+\), second [+-]\d \(\w+\)\.", printed.out)) == 4


def test_the_end_of_a_replayed_episode_is_shown(cli: Cli, recorded: Path) -> None:
    assert (
        len(re.findall(r"The end, as (?:first|second) sees it:\n  You are the ", cli("watch", str(recorded)).out)) == 4
    )


def test_one_episode_of_a_file_is_replayed(cli: Cli, recorded: Path) -> None:
    assert re.findall(r"Episode (\d)", cli("watch", str(recorded), "--episode", "3").out) == ["3"]
    assert "has no episode 5" in cli.refusal("watch", str(recorded), "--episode", "5")


def test_an_episode_of_a_game_that_is_not_installed_is_replayed_too(cli: Cli, recorded: Path) -> None:
    recorded.write_text(recorded.read_text(encoding="utf-8").replace("kuhn_poker", "gone"), encoding="utf-8")
    assert "1. player 1 (optimal)" in cli("watch", str(recorded)).out


@pytest.mark.parametrize(
    "name",
    [
        "openspiel/efg_game(filename=SECRET)",
        "openspiel/nfg_game:filename=SECRET",
        "openspiel/misere(game=efg_game( filename = SECRET))",
        "openspiel/connect_four:rows=100000,columns=100000",
        "openspiel/connect_four:rows=",
    ],
)
def test_an_episode_whose_game_opens_a_file_or_takes_the_memory_is_shown_without_it(
    cli: Cli, recorded: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text = recorded.read_text(encoding="utf-8").replace("kuhn_poker", name)
    recorded.write_text(text, encoding="utf-8")
    loaded = list[str]()
    load = games.get

    def load_recorded(name: str) -> Any:
        loaded.append(name)
        return load(name)

    monkeypatch.setattr(games, "get", load_recorded)
    printed = cli("watch", str(recorded))
    assert printed.code == 0 and "1. player 1 (optimal)" in printed.out
    assert not any("filename" in name for name in loaded)


def test_a_lack_of_memory_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise MemoryError

    monkeypatch.setattr(games, "get", fail)
    assert "out of memory" in cli.refusal("match", "kuhn_poker", "random", "random")


def test_a_recorded_escape_is_not_replayed(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "e.jsonl"
    play_against_thinker(cli, monkeypatch, "--save", str(path))
    printed = cli("watch", str(path))
    assert "\x1b" not in printed.out
    assert "Thinks: a plan to [bold]bluff[/bold]\n" in printed.out
    assert "Replies: no move: no move in 'perhaps' (none)" in printed.out


# list and check


@pytest.mark.parametrize("kind", LISTED)
def test_everything_that_can_be_chosen_is_listed_by_name(cli: Cli, kind: str) -> None:
    shown = cli.json("list", kind)
    assert shown["schema"] == 1
    assert all(item["name"] for item in shown["items"])
    printed = cli("list", kind)
    assert printed.code == 0 and all(item["name"] in printed.out for item in shown["items"])


def test_games_are_listed_with_what_they_are(cli: Cli) -> None:
    kuhn = next(i for i in cli.json("list", "games")["items"] if i["name"] == "kuhn_poker")
    assert (kuhn["players"], kuhn["hidden"], kuhn["chance"], kuhn["open_text"]) == (2, True, True, False)
    assert kuhn["solver"] == "exact" and "Kuhn 1950" in kuhn["source"]


@pytest.mark.parametrize(
    ("filters", "there", "not_there"),
    [
        (["--kind", "zero-sum"], "kuhn_poker", None),
        (["--kind", "single-player"], None, "kuhn_poker"),
        (["--players", "2"], "kuhn_poker", None),
        (["--players", "9"], None, "kuhn_poker"),
        (["--hidden", "no"], "tictactoe", "kuhn_poker"),
        (["--hidden", "yes", "--chance", "yes"], "kuhn_poker", "tictactoe"),
        (["--open-text", "yes"], "simple_negotiation", "kuhn_poker"),
        (["--solver", "rules"], "simple_negotiation", "tictactoe"),
    ],
)
def test_the_list_of_games_is_filtered(cli: Cli, filters: list[str], there: str | None, not_there: str | None) -> None:
    listed = [i["name"] for i in cli.json("list", "games", *filters)["items"]]
    assert there is None or there in listed
    assert not_there not in listed


def test_an_empty_list_of_games_is_reported(cli: Cli) -> None:
    printed = cli("list", "games", "--kind", "cooperative", "--players", "9")
    assert printed.out == "" and "no game matches these filters" in printed.err


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (40, "name players"),
        (60, "name players kind solver"),
        (80, "name players kind hidden chance text solver"),
        (120, "name players kind hidden chance text solver source"),
    ],
)
def test_a_narrow_terminal_gets_fewer_columns_and_whole_names(cli: Cli, width: int, columns: str) -> None:
    items = cli.json("list", "games")["items"]
    shown = fit_rows(items, width)
    assert " ".join(shown[0]) == columns
    assert [row["name"] for row in shown] == [item["name"] for item in items]
    assert "2-4" in {row["players"] for row in shown}


def test_an_opponent_that_does_not_play_the_game_is_refused_before_anything_is_shown(cli: Cli) -> None:
    assert "'mcts' looks ahead, so it needs a game that hides nothing" in cli.refusal(
        "play", "avalon", "--opponent", "mcts"
    )
    assert "'optimal' can't play" in cli.refusal("play", "openspiel/chess", "--opponent", "optimal")


def test_only_games_have_filters(cli: Cli) -> None:
    assert "only games have filters, not agents" in cli.refusal("list", "agents", "--players", "2")


def test_a_filter_that_is_misspelt_names_the_nearest(cli: Cli) -> None:
    assert "did you mean 'zero-sum'?" in cli.refusal("list", "games", "--kind", "zerosum")
    assert "did you mean '--hidden'?" in cli.refusal("list", "games", "--hiden", "yes")


def test_agents_are_listed_with_the_bundled_model_and_the_engines(cli: Cli) -> None:
    listed = [i["name"] for i in cli.json("list", "agents")["items"]]
    assert {"human", "nano", "optimal", "random", "hf:MODEL[+ADAPTER]"} <= set(listed)


def test_a_game_that_keeps_the_contract_passes(cli: Cli) -> None:
    printed = cli("check", "game", "kuhn_poker", "--games", "20")
    assert printed == (0, "kuhn_poker: keeps the contract in 20 random games\n", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1 / 0", "'{}' can't be run: ZeroDivisionError: division by zero (mine.py, line 1)"),
        ("from mirrormatch.games import Info\nInfo(name='x')", "missing 12 required keyword-only arguments"),
        ("GAME = 3", "'{}' defines GAME = 3: it must be a game, GAME = MyGame()"),
        ("x =", "can't be imported: invalid syntax"),
        ("x = 1", "defines no GAME"),
    ],
)
def test_a_file_that_is_no_game_is_reported_in_one_line(cli: Cli, tmp_path: Path, text: str, expected: str) -> None:
    (path := tmp_path / "mine.py").write_text(text, encoding="utf-8")
    assert expected.format(path) in cli.refusal("check", "game", str(path))


def test_a_game_in_a_file_is_checked_with_settings(cli: Cli) -> None:
    path = ROOT / "games" / "board" / "nim.py"
    assert cli("check", "game", f"{path}:piles=1-2-3", "--games", "5").code == 0
    assert "has no setting 'pile'" in cli.refusal("check", "game", f"{path}:pile=1-2-3")


def test_a_game_in_a_file_that_breaks_the_contract_is_reported_with_the_broken_rule(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "twisted.py"
    path.write_text(BROKEN_GAME, encoding="utf-8")
    printed = cli("check", "game", str(path), "--games", "20")
    assert printed.code == 1
    assert "sorted" in printed.out and "broken" in printed.out.splitlines()[-1]
