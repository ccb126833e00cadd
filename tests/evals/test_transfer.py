"""Benchmarks keep their contract, and transfer asks every question once and drops none."""

import asyncio
import time
from pathlib import Path

import pytest

from mirrormatch.agents.types import Reply
from mirrormatch.errors import UserError
from mirrormatch.evals import AnsweredItem, Item, benchmarks
from mirrormatch.evals.benchmark import floor_share, majority_share
from mirrormatch.evals.benchmarks._exercises import ExerciseBenchmark
from mirrormatch.evals.statistics import Score
from mirrormatch.evals.transfer import Transfer, compare_transfers, run_transfer
from mirrormatch.games.exercises import KINDS, is_held_out
from mirrormatch.games.types import Problem, ProblemKind

ARITHMETIC, LOGIC = (ExerciseBenchmark(kind, "") for kind in ("arithmetic", "logic"))
REPLIES = {"right": None, "wrong": "none of these", "cut": Problem(ProblemKind.TRUNCATED, "cut off")}
CONSTANTS = ("0", "1", "2", "yes", "no", "", "[0]", "0.5", "True", "none")


class Scripted:
    """Answers right, except for every `k`-th question, which gets the reply `slip`."""

    spec = "scripted"

    def __init__(self, items: list[Item], k: int = 0, slip: str = "wrong") -> None:
        self._answers = {item.question: item.answer for item in items}
        self._slips = {item.question for item in items[::k]} if k else set()
        self._slip = slip
        self.waiting = 0
        self.most_waiting = 0

    async def ask(self, text: str, seed: int) -> Reply:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await asyncio.sleep(0)
        self.waiting -= 1
        answer = (REPLIES[self._slip] if text in self._slips else None) or self._answers[text]
        return Reply(answer=answer, text="")


def run(k: int = 0, slip: str = "wrong", seed: int = 4) -> Transfer:
    items = ARITHMETIC.items(seed, 10) + LOGIC.items(seed, 10)
    return asyncio.run(run_transfer(Scripted(items, k, slip), [ARITHMETIC, LOGIC], 10, seed))


def by_name(scores: list[Score]) -> dict[str, Score]:
    found = {score.name: score for score in scores}
    assert len(found) == len(scores), "two scores of one name"
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_exercises_is_a_benchmark_with_a_task_a_level(kind: str) -> None:
    benchmark = benchmarks.get(kind)
    items = benchmark.items(7, 40)
    assert benchmark.name == kind
    assert benchmark.tasks == (f"{kind}_1", f"{kind}_2")
    assert [sum(item.task == task for item in items) for task in benchmark.tasks] == [40, 40]
    assert len({item.id for item in items}) == len({item.question for item in items}) == 80
    assert all(is_held_out(item.question) for item in items)
    assert items == benchmark.items(7, 40)
    assert set(benchmark.grade([AnsweredItem(item, item.answer) for item in items])) == {"right"}
    assert set(benchmark.grade([AnsweredItem(item, "none of these") for item in items])) == {"wrong"}


def test_the_third_level_of_every_kind_is_a_benchmark_of_its_own() -> None:
    harder = benchmarks.get("harder")
    assert harder.tasks == tuple(f"{kind}_3" for kind in KINDS)
    items = harder.items(7, 20)
    assert len({item.question for item in items}) == 100 and all(is_held_out(item.question) for item in items)


def test_more_questions_begin_with_the_same_ones() -> None:
    assert LOGIC.items(7, 5)[:5] == LOGIC.items(7, 9)[:5]


def test_the_majority_baseline_is_the_share_of_the_commonest_answer() -> None:
    assert majority_share(["yes", "no", "Yes", "unknown"]) == 0.5


def test_all_questions_wait_at_once_for_the_engine_to_batch_them() -> None:
    items = ARITHMETIC.items(4, 10)
    agent = Scripted(items)
    asyncio.run(run_transfer(agent, [ARITHMETIC], 10, 4))
    assert agent.most_waiting == 20


def test_progress_counts_up_to_all_questions() -> None:
    seen = list[tuple[int, int]]()
    agent = Scripted(ARITHMETIC.items(4, 3))
    asyncio.run(run_transfer(agent, [ARITHMETIC], 3, 4, lambda done, total: seen.append((done, total))))
    assert seen == [(k, 6) for k in range(1, 7)]


def test_accuracy_is_reported_by_task_by_kind_and_overall_with_the_majority_beside_it() -> None:
    # 40 questions in order, every fourth wrong: positions 0, 4, 8 | 12, 16 | 20, 24, 28 | 32, 36.
    scores = by_name(run(k=4).scores())
    assert {n: s.value for n, s in scores.items() if n.startswith("accuracy")} == {
        "accuracy/arithmetic_1": 0.7, "accuracy/arithmetic_2": 0.8, "accuracy/logic_1": 0.7, "accuracy/logic_2": 0.8,
        "accuracy/arithmetic": 0.75, "accuracy/logic": 0.75, "accuracy/overall": 0.75,
    }  # fmt: skip
    assert [scores[f"accuracy/{n}"].n for n in ("logic_1", "logic", "overall")] == [10, 20, 40]
    assert 0.1 <= scores["majority/logic_1"].value <= 0.6
    assert scores["majority/logic_1"].n is None


def test_every_accuracy_has_its_floor_beside_it() -> None:
    scores = by_name(run(k=4).scores())
    accuracies = {n.removeprefix("accuracy/") for n in scores if n.startswith("accuracy/")}
    assert {n.removeprefix("majority/") for n in scores if n.startswith("majority/")} == accuracies
    tasks = [scores[f"majority/{task}"].value for task in ("logic_1", "logic_2")]
    assert scores["majority/logic"].value == pytest.approx(sum(tasks) / 2)  # 10 questions each


def test_the_floor_of_several_tasks_gives_each_task_its_own_answer() -> None:
    assert floor_share([["yes", "no", "Yes", "unknown"], ["4", "5"]]) == 0.5
    assert floor_share([["yes", "no"], ["4", "4"]]) == 0.75


@pytest.mark.slow
@pytest.mark.parametrize("name", benchmarks.names())
def test_no_constant_answer_beats_the_floor_of_any_task(name: str) -> None:
    if name == "reasoning_gym":
        pytest.importorskip("reasoning_gym")
    benchmark = benchmarks.get(name)
    items = benchmark.items(0, 200)
    for constant in CONSTANTS:
        verdicts = benchmark.grade([AnsweredItem(item, constant) for item in items])
        for task in benchmark.tasks:
            graded = [(item, verdict) for item, verdict in zip(items, verdicts, strict=True) if item.task == task]
            accuracy = sum(verdict == "right" for _, verdict in graded) / len(graded)
            floor = majority_share([item.answer for item, _ in graded])
            assert accuracy <= floor + 0.03, f"{constant!r} solves {task}"


def test_a_reply_without_an_answer_is_wrong_counted_and_stays_in_the_denominator() -> None:
    scores = by_name(run(k=4, slip="cut").scores())
    assert (scores["accuracy/overall"].value, scores["accuracy/overall"].n) == (0.75, 40)
    assert scores["no_answer/overall"].value == scores["truncated/overall"].value == 0.25
    assert by_name(run(k=4).scores())["no_answer/overall"].value == 0.0


def test_one_value_in_two_spellings_is_one_answer() -> None:
    (first, *_), problem = ARITHMETIC.items(4, 1), Problem(ProblemKind.AMBIGUOUS, "2 different answers")

    class Undecided:
        spec = "scripted"

        def __init__(self, *spellings: str) -> None:
            self._spellings = spellings

        async def ask(self, text: str, seed: int) -> Reply:
            return Reply(answer=problem, text="", spellings=self._spellings if text == first.question else ())

    same, other = (
        asyncio.run(run_transfer(Undecided(first.answer, spelling), [ARITHMETIC], 1, 4)).results[0]
        for spelling in (f"x = {first.answer}.0", f"1{first.answer}")
    )
    assert (same.verdict, same.problem) == ("right", None)
    assert (other.verdict, other.problem) == ("wrong", ProblemKind.AMBIGUOUS)


def test_a_run_survives_the_way_through_a_file() -> None:
    before = run(k=4, slip="cut")
    assert Transfer.model_validate_json(before.model_dump_json()) == before


def test_two_runs_are_paired_question_by_question() -> None:
    changes = {c.score.name: c for c in compare_transfers(run(k=4), run(k=8))}  # every second slip is mended: 5 of 40
    assert changes["accuracy/overall"].score.value == pytest.approx(5 / 40)
    assert changes["accuracy/overall"].score.n == 40
    assert changes["accuracy/overall"].score.low > 0
    assert changes["accuracy/overall"].p == 2 / 2**5
    assert changes["accuracy/arithmetic_1"].score.value == pytest.approx(0.1)  # position 4 of 0, 4, 8
    assert changes["no_answer/overall"].score.value == 0.0


def test_a_run_does_not_differ_from_itself() -> None:
    scores = [change.score for change in compare_transfers(run(k=3), run(k=3))]
    assert {(s.low, s.value, s.high) for s in scores} == {(0.0, 0.0, 0.0)}


def test_runs_over_different_questions_are_not_compared() -> None:
    with pytest.raises(UserError, match="40 and 40, 0 in both"):
        compare_transfers(run(seed=4), run(seed=5))


@pytest.mark.parametrize(("chosen", "n"), [([], 5), ([ARITHMETIC], 0)])
def test_no_question_at_all_is_refused(chosen: list[ExerciseBenchmark], n: int) -> None:
    with pytest.raises(UserError, match="at least 1"):
        asyncio.run(run_transfer(Scripted([]), chosen, n, 1))


def test_without_the_extra_reasoning_gym_names_the_command_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'mirrormatch\[evals\]'"):
        benchmarks.get("reasoning_gym").items(1, 1)


# reasoning-gym in its guarded process.


@pytest.mark.slow
def test_reasoning_gym_makes_the_same_items_again_and_its_own_answers_are_right() -> None:
    pytest.importorskip("reasoning_gym")
    benchmark = benchmarks.get("reasoning_gym")
    items = benchmark.items(3, 20)
    assert benchmark.items(3, 20) == items
    assert [sum(item.task == task for item in items) for task in benchmark.tasks] == [20] * len(benchmark.tasks)
    assert len({item.question for item in items}) == len({item.id for item in items}) == len(items)
    assert set(benchmark.grade([AnsweredItem(item, f" {item.answer} ") for item in items])) == {"right"}
    assert "right" not in benchmark.grade([AnsweredItem(item, "the answer is " + item.answer) for item in items])


@pytest.mark.slow
def test_a_reasoning_gym_scorer_that_hangs_is_a_counted_wrong_answer() -> None:
    pytest.importorskip("reasoning_gym")
    from mirrormatch.evals.benchmarks.reasoning_gym import ReasoningGym

    coins = ReasoningGym(settings={"coin_flip": {}}, limit_s=1.0)
    (item,) = coins.items(3, 1)
    hanging = "1e9999999999"  # its scorer makes an exact fraction of it
    assert coins.grade([AnsweredItem(item, text) for text in (item.answer, hanging, item.answer)]) == [
        "right", "failed", "right",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("task", ["countdown", "string_insertion", "coin_flip"])
def test_malicious_answers_neither_hang_nor_run(task: str, tmp_path: Path) -> None:
    """Most of these scorers evaluate the text: the benchmark leaves them out, and the guard stops them as well."""
    pytest.importorskip("reasoning_gym")
    from mirrormatch.evals.benchmarks.reasoning_gym import ReasoningGym

    seen = tmp_path / "seen"
    gym = ReasoningGym(settings={task: {}}, limit_s=5.0)
    (item,) = gym.items(3, 1)
    began = time.monotonic()
    verdicts = gym.grade(
        [
            AnsweredItem(item, text)
            for text in (
                "9**9**9**9",
                f"__import__('os').system('touch {seen}')",
                f"[open('{seen}', 'w')]",
                f"[__import__('pathlib').Path('{seen}').touch()]",
                "[__import__('os')._exit(0)]",
            )
        ]
    )
    assert "right" not in verdicts
    assert time.monotonic() - began < 30
    assert not seen.exists()
