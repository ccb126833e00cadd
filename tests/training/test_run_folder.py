"""A run's folder: the files that a kill may leave, and the checkpoint from which the run resumes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from mirrormatch.config_file import parse_settings
from mirrormatch.errors import UserError
from mirrormatch.training import metrics
from mirrormatch.training.checkpoints import COMPLETE
from mirrormatch.training.config import RunConfig
from mirrormatch.training.run_folder import RunFolder
from mirrormatch.training.run_record import Best
from mirrormatch.training.setting_kinds import MACHINE, SCHEDULE

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
    assert found == (folder.checkpoints / "checkpoint-10", 10, STATE, {})


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
        (config(learn={"steps": 9, "kl": 0.2}), "objective.kl.weight = 0.05, not 0.2"),
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


def test_a_schedule_may_be_extended(folder: RunFolder) -> None:
    checkpoint(folder, 3)
    lines: list[str] = []
    start = folder.open(config(learn={"steps": 12}, alarms={"stop": True}), resume=True, note=lines.append)
    assert start is not None and start.step == 3
    assert lines == ["alarms.stop = True from step 3 on, False before", "learn.steps = 12 from step 3 on, 9 before"]


def test_settings_of_the_machine_are_free(folder: RunFolder) -> None:
    checkpoint(folder, 3)
    start = folder.open(config(learn={"steps": 9, "part_tokens": 512}, threads=2), resume=True)
    assert start is not None and start.step == 3


@pytest.mark.parametrize(
    "model", ["hf:nano", "nano,max_batch=8", "vllm:nano,memory_share=0.5", "hf:nano,dtype=bfloat16"]
)
def test_the_same_weights_in_another_engine_are_the_same_model(folder: RunFolder, model: str) -> None:
    assert folder.open(config(model=model), resume=True) is None


@pytest.mark.parametrize("model", ["hf:other", "nano,template.enable_thinking=false", "nano,date=2026-01-31"])
def test_other_weights_or_another_template_are_another_model(folder: RunFolder, model: str) -> None:
    assert f"with model = 'nano', not {model!r}" in refusal(folder, config(model=model))


def test_weights_that_have_moved_are_known_by_their_content(tmp_path: Path) -> None:
    made = RunFolder(tmp_path / "run")
    made.open(config(model="hf:/models/a"), resume=False, base="1234")
    assert made.open(config(model="hf:/models/b"), resume=True, base="1234") is None
    with pytest.raises(UserError, match="with model = 'hf:/models/b', not 'hf:/models/c'"):
        made.open(config(model="hf:/models/c"), resume=True, base="5678")


def test_the_settings_of_a_resumed_run_are_the_new_ones(folder: RunFolder) -> None:
    folder.open(config(learn={"steps": 12}), resume=True)
    assert json.loads(folder.config_path.read_text())["learn"]["steps"] == 12
    (change,) = json.loads(folder.record_path.read_text())["changes"]
    assert change == {"step": 0, "key": "learn.steps", "before": "9", "after": "12"}


def test_an_extended_run_is_measured_again_at_its_new_end(folder: RunFolder) -> None:
    after = folder.measurement_path("after")
    after.parent.mkdir()
    checkpoint(folder, 9)
    after.write_text("{}")
    folder.open(config(), resume=True)
    assert after.exists()
    folder.open(config(learn={"steps": 12}), resume=True)
    assert not after.exists()


@pytest.mark.parametrize("key", [*SCHEDULE, *MACHINE])
def test_every_setting_that_may_change_exists(key: str) -> None:
    section, _, name = key.rpartition(".")
    model = RunConfig.model_fields[section].annotation if section else RunConfig
    assert isinstance(model, type) and issubclass(model, BaseModel) and name in model.model_fields


# the lock


def test_two_processes_do_not_train_in_one_folder(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from mirrormatch.training.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).lock(): print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"locked\n"
        with pytest.raises(UserError) as problem, RunFolder(tmp_path).lock():
            pass
        other.kill()
    assert str(problem.value) == (
        f"another process ({other.pid}) is at work in '{tmp_path}': wait for its end, or --out DIR starts another run"
    )
    with RunFolder(tmp_path).lock():
        pass  # the kill has freed it


# the best policy


def test_the_best_policy_is_kept_and_its_predecessor_is_removed(folder: RunFolder) -> None:
    for step, value in ((2, 0.4), (4, 0.3), (6, 0.35)):
        folder.write_adapter(step, lambda beside: (beside / "weights").touch())
        folder.keep_best(step, {"exploitability/kuhn_poker": value, "loss": 0.1}, keep_adapters=20)
        folder.drop_adapter(step)
    assert folder.best == Best(step=4, metric="exploitability/kuhn_poker", value=0.3)
    assert [path.name for path in (folder.path / "adapters").iterdir()] == ["step-000004"]


def test_a_probe_of_fewer_games_is_not_the_best_because_it_adds_up_fewer(folder: RunFolder) -> None:
    both = {"exploitability/kuhn_poker": 0.4, "exploitability/leduc_poker": 0.5}
    for step, measured in ((2, {"exploitability/kuhn_poker": 0.2}), (4, both), (6, {"exploitability/kuhn_poker": 0.1})):
        folder.write_adapter(step, lambda beside: (beside / "weights").touch())
        folder.keep_best(step, measured, keep_adapters=20)
    assert folder.best is not None and (folder.best.step, folder.best.value) == (4, 0.9)


def test_without_a_probe_no_policy_is_the_best(folder: RunFolder) -> None:
    folder.keep_best(2, {"loss": 0.1, "exploitability/kuhn_poker": float("nan")}, keep_adapters=20)
    assert folder.best is None


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


def test_the_old_keys_of_the_prompt_are_converted() -> None:
    assert (
        config(prompt="plain", prompts={"history": "full"}).prompt
        == config(prompt={"format": "plain", "history": "full"}).prompt
    )
