"""A run's folder: the files that a kill may leave, and the checkpoint from which the run resumes."""

import json
from pathlib import Path

import pytest

from mirrormatch.config_file import parse_settings
from mirrormatch.errors import UserError
from mirrormatch.training import metrics
from mirrormatch.training.config import RunConfig
from mirrormatch.training.run_folder import COMPLETE, RunFolder

STATE = {"estimator": {"kuhn_poker/0": 0.125}}


def config(**changes: object) -> RunConfig:
    play, learn = {"games": ["kuhn_poker"], "episodes": 4}, {"steps": 9}
    return parse_settings({"model": "nano", "play": play, "learn": learn, **changes}, RunConfig, "test")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run that has begun."""
    made = RunFolder(tmp_path / "run")
    assert made.open(config(), resume=False) is None
    return made


def checkpoint(folder: RunFolder, step: int, complete: bool = True) -> Path:
    path = folder.checkpoints / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"...")
    if complete:
        folder.mark_complete(step, STATE)
    return path


def steps_of(folder: RunFolder) -> list[int]:
    return sorted(int(path.name.removeprefix("checkpoint-")) for path in folder.checkpoints.iterdir())


def refusal(folder: RunFolder, changed: RunConfig, resume: bool = True) -> str:
    with pytest.raises(UserError) as problem:
        folder.open(changed, resume)
    return str(problem.value)


# beginning


def test_a_new_run_keeps_its_settings(folder: RunFolder) -> None:
    assert json.loads(folder.config_path.read_text()) == config().model_dump(mode="json")


def test_a_folder_that_holds_a_run_is_not_begun_again(folder: RunFolder) -> None:
    assert refusal(folder, config(), resume=False) == (
        f"'{folder.path}' already holds a run: --resume goes on with it, --out DIR starts another"
    )


def test_a_run_that_never_began_is_begun_by_a_resume(tmp_path: Path) -> None:
    assert RunFolder(tmp_path / "new").open(config(), resume=True) is None


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("")
    message = refusal(RunFolder(tmp_path / "notes"), config(), resume=False)
    assert message == f"'{tmp_path}/notes' is a file: a run needs a folder, --out DIR names one"


# where it goes on


def test_a_run_killed_before_its_first_checkpoint_begins_anew(folder: RunFolder) -> None:
    assert folder.open(config(), resume=True) is None


def test_a_run_goes_on_from_its_newest_checkpoint(folder: RunFolder) -> None:
    for step in (1, 2, 10):
        checkpoint(folder, step)
    found = folder.open(config(), resume=True)
    assert found == (folder.checkpoints / "checkpoint-10", 10, STATE)


def test_a_torn_checkpoint_is_passed_over(folder: RunFolder) -> None:
    checkpoint(folder, 4)
    checkpoint(folder, 5, complete=False)
    found = folder.open(config(), resume=True)
    assert found is not None
    assert found.step == 4


def test_a_torn_checkpoint_is_removed(folder: RunFolder) -> None:
    checkpoint(folder, 4)
    checkpoint(folder, 5, complete=False)
    folder.open(config(), resume=True)
    assert steps_of(folder) == [4]


def test_a_run_with_torn_checkpoints_alone_begins_anew(folder: RunFolder) -> None:
    checkpoint(folder, 1, complete=False)
    assert folder.open(config(), resume=True) is None
    assert steps_of(folder) == []


def test_a_checkpoint_half_written_into_its_mark_is_torn(folder: RunFolder) -> None:
    """The mark is written to a temporary file first: a kill leaves that file, never half a mark."""
    (checkpoint(folder, 1, complete=False) / f".{COMPLETE}.77.part").write_text('{"step": 1, "esti')
    assert folder.open(config(), resume=True) is None


def test_what_an_earlier_checkpoint_left_behind_does_no_harm(folder: RunFolder) -> None:
    """A kill during the clearing of old checkpoints."""
    (checkpoint(folder, 3) / "optimizer.pt").unlink()
    checkpoint(folder, 4)
    found = folder.open(config(), resume=True)
    assert found is not None
    assert found.step == 4


# metrics


def metric_lines(*steps: int) -> str:
    return "".join(f'{{"step": {step}, "loss": 0.5}}\n' for step in steps)


def test_metrics_of_steps_that_will_be_repeated_are_cut(folder: RunFolder) -> None:
    checkpoint(folder, 2)
    folder.metrics_path.write_text(metric_lines(1, 2, 3, 4))
    folder.open(config(), resume=True)
    assert folder.metrics_path.read_text() == metric_lines(1, 2)


def test_a_torn_line_of_metrics_is_cut(folder: RunFolder) -> None:
    checkpoint(folder, 2)
    folder.metrics_path.write_text(metric_lines(1, 2) + '{"step": 3, "lo')
    folder.open(config(), resume=True)
    assert folder.metrics_path.read_text() == metric_lines(1, 2)


def test_a_run_that_begins_anew_has_no_metrics(folder: RunFolder) -> None:
    folder.metrics_path.write_text(metric_lines(1))
    folder.open(config(), resume=True)
    assert folder.metrics_path.read_text() == ""


def test_metrics_are_read_without_a_torn_last_line(folder: RunFolder) -> None:
    folder.metrics_path.write_text(metric_lines(1, 2) + '{"step": 3')
    assert [line["step"] for line in metrics.read(folder.metrics_path)] == [1, 2]


def test_a_run_without_metrics_has_none(folder: RunFolder) -> None:
    assert metrics.read(folder.metrics_path) == []


# other settings


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (config(seed=7), "seed = 0, not 7"),
        (config(learn={"steps": 9, "kl": 0.2}), "learn.kl = 0.05, not 0.2"),
        (config(play={"games": ["tictactoe"], "episodes": 4}), "play.games = ['kuhn_poker'], not ['tictactoe']"),
    ],
)
def test_a_run_is_not_resumed_with_other_settings(folder: RunFolder, changed: RunConfig, message: str) -> None:
    assert refusal(folder, changed) == (
        f"the run in '{folder.path}' was started with {message}: --out DIR starts another run"
    )


def test_a_refused_resume_touches_nothing(folder: RunFolder) -> None:
    checkpoint(folder, 5, complete=False)
    folder.metrics_path.write_text(metric_lines(1, 2))
    refusal(folder, config(seed=7))
    assert (steps_of(folder), folder.metrics_path.read_text()) == ([5], metric_lines(1, 2))


@pytest.mark.parametrize("text", ["", "{", '{"model": '])
def test_settings_that_can_not_be_read_are_named(folder: RunFolder, text: str) -> None:
    folder.config_path.write_text(text)
    assert refusal(folder, config()).startswith(f"the run's settings in '{folder.config_path}' can't be read")


# adapters


def test_an_adapter_appears_when_it_is_whole(folder: RunFolder) -> None:
    seen: list[bool] = []

    def write(beside: Path) -> None:
        (beside / "weights").write_text("new")
        seen.append(folder.adapter_path(3).exists())

    folder.write_adapter(3, write)
    assert (seen, (folder.adapter_path(3) / "weights").read_text()) == ([False], "new")


def test_an_adapter_takes_the_place_of_an_earlier_one(folder: RunFolder) -> None:
    for text in ("old", "new"):
        folder.write_adapter(3, lambda beside, text=text: (beside / text).touch())  # type: ignore[misc]
    assert [path.name for path in folder.adapter_path(3).iterdir()] == ["new"]


def test_what_a_kill_left_of_an_adapter_is_no_part_of_the_next(folder: RunFolder) -> None:
    torn = folder.adapter_path(3).with_name(".step-000003.part")
    torn.mkdir(parents=True)
    (torn / "half").touch()
    folder.write_adapter(3, lambda beside: (beside / "weights").touch())
    assert [path.name for path in folder.adapter_path(3).iterdir()] == ["weights"]


def test_a_dropped_adapter_is_gone(folder: RunFolder) -> None:
    folder.write_adapter(3, lambda beside: (beside / "weights").touch())
    folder.drop_adapter(3)
    assert not folder.adapter_path(3).exists()


# runs of earlier versions


def test_a_run_started_before_the_prompt_was_one_section_is_resumed(folder: RunFolder) -> None:
    stored = config(prompt={"history": "full"}).model_dump(mode="json")
    prompts = stored.pop("prompt")
    old = stored | {"prompt": prompts.pop("format"), "prompts": prompts}
    folder.config_path.write_text(json.dumps(old))
    checkpoint(folder, 1)
    start = folder.open(config(prompt={"history": "full"}), resume=True)
    assert start is not None and start.step == 1
    assert "with prompt.history = 'full', not 'state'" in refusal(folder, config())


@pytest.mark.parametrize("old", [{"prompt": "boxed"}, {"prompts": {"history": "full"}}])
def test_the_old_keys_of_the_prompt_are_refused_with_the_new_one(old: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"one section now: \[prompt\] with format = "):
        config(**old)
