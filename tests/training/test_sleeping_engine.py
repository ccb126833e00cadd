"""An engine that shares the GPU with the learner sleeps during updates and is awake for every request."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.training import base_model, run
from mirrormatch.training.config import RunConfig
from mirrormatch.training.run_folder import RunFolder
from mirrormatch.training.watcher import Probe

pytestmark = pytest.mark.slow


class Sleepy(TransformersEngine):
    """The transformers engine, with an assertion that it is awake at every request."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.awake = True
        self.calls: list[str] = []

    def sleep(self) -> None:
        self.awake = False
        self.calls.append("sleep")

    def wake(self) -> None:
        self.awake = True
        self.calls.append("wake")

    async def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, *, adapter: str | None = None, seed: int = 0
    ) -> Completion:
        assert self.awake, "a request while asleep"
        return await super().generate(prompt_ids, sampling, adapter=adapter, seed=seed)


class Silent:
    def step(self, step: int, measured: dict[str, float], alarms: list[str]) -> None:
        pass


def test_the_engine_sleeps_between_play_and_play(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Sleepy(str(tiny))
    monkeypatch.setattr(base_model, "load_engine", lambda spec: engine)
    learning = list[bool]()

    def probed(agent: LLMAgent) -> dict[str, float]:
        learning.append(engine.awake)
        return {}

    settings: dict[str, Any] = {
        "model": f"hf:{tiny}",
        "play": {"games": ["kuhn_poker"], "episodes": 2, "max_tokens": 4},
        "learn": {"steps": 2},
    }
    config, folder = RunConfig.model_validate(settings), RunFolder(tmp_path / "run")
    run.train(config, folder, folder.open(config, False), Silent(), Probe(1, probed))
    assert learning == [True, True]
    assert engine.calls == ["sleep"] + ["wake", "sleep"] * 4 + ["wake"] and engine.awake
