"""The players of a run by name: its learners' newest policies, their earlier adapters, and agents that never change."""

import functools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mirrormatch import agents, prompts
from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._engine import Engine, SleepingEngine
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.spec import add_adapter, hide_paths, name_agent, record_name, remove_adapter
from mirrormatch.agents.types import Agent
from mirrormatch.errors import UserError
from mirrormatch.training.config import RunConfig
from mirrormatch.training.learner import Learner
from mirrormatch.training.run_folder import RunFolder
from mirrormatch.training.types import MAIN


class RunRoster:
    """Makes the players, and writes the learners' adapters to the run's folder.

    All policies share one engine, one prompt and one sampling; they differ in the adapter.

    Args:
        config: the run's settings.
        engine: the inference engine.
        learner: the source of the adapters.
        folder: the run's folder.
        learners: the names of the learners.
    """

    def __init__(
        self, config: RunConfig, engine: Engine, learner: Learner, folder: RunFolder, learners: Sequence[str] = (MAIN,)
    ) -> None:
        self._config = config
        self._engine = engine
        self._learner = learner
        self._folder = folder
        self._learners = learners
        self._saved_step: int | None = None  # of the newest adapters in the folder
        self._others: dict[str, Agent] = {}
        self._sync_s = 0.0

    def agent(self, player: str) -> Agent:
        """The agent of a learner (`main`), of its adapter after some steps (`main@40`), or of a SPEC.

        Raises:
            UserError: no such player, or an adapter that is not kept.
        """
        learner, _, step = player.partition("@")
        if learner not in self._learners:
            if player not in self._others:
                self._others[player] = agents.get(player)
            return self._others[player]
        if not step:
            return self.policy(learner)
        folder = self._folder.adapter_path(int(step), learner)
        if not folder.is_dir():
            raise UserError(f"the adapter of player {player!r} is gone: {str(folder)!r}")
        return self._make_agent(folder)

    def policy(self, learner: str = MAIN) -> LLMAgent:
        """The newest policy of a learner, with the prompt and the sampling of play; wakes the engine."""
        with self._timed():
            self.save_adapters()
            return self._make_agent(self._folder.adapter_path(self._learner.step, learner))

    def wake_engine(self) -> None:
        """Loads the engine's weights back to the GPU that it shares with the learner."""
        if isinstance(self._engine, SleepingEngine):
            self._engine.wake()

    def sleep_engine(self) -> None:
        """Frees the engine's GPU memory for the update."""
        if isinstance(self._engine, SleepingEngine):
            with self._timed():
                self._engine.sleep()

    def take_sync_s(self) -> float:
        """Returns the seconds that adapters and the engine took to be ready since the last call."""
        taken_s, self._sync_s = self._sync_s, 0.0
        return taken_s

    def save_adapters(self) -> Path:
        """Writes the current policies' adapters, unless they are there already; returns the main one's folder."""
        step = self._learner.step
        if step != self._saved_step:
            for name in self._learners:
                self._folder.write_adapter(step, functools.partial(self._write, name), name)
                if step and not self.keeps(step - 1):
                    self._folder.drop_adapter(step - 1, name)
            self._saved_step = step
        return self._folder.adapter_path(step)

    def keeps(self, step: int) -> bool:
        """Whether the adapters after `step` steps are kept for good."""
        return step % self._config.keep_adapters == 0

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._sync_s += time.perf_counter() - began

    def _write(self, name: str, folder: Path) -> None:
        self._learner.save_adapter(name, folder)
        _adapters.tidy_files(folder)
        base = hide_paths(remove_adapter(self._config.model))
        _adapters.write_card(folder, base, self._engine.fingerprint, self._config.request)

    def _make_agent(self, folder: Path) -> LLMAgent:
        self.wake_engine()
        settings = self._config.play
        spec = name_agent(add_adapter(self._config.model, folder), self._engine)
        adapter = self._engine.load(folder)
        return LLMAgent(
            spec=spec,
            engine=self._engine,
            prompt=prompts.get(self._config.prompt.format, self._config.prompt.settings),
            sampling=Sampling(max_tokens=settings.max_tokens, temperature=settings.temperature),
            adapter=adapter,
            max_retries=settings.patience,
            record_name=record_name(spec, self._engine, adapter),
        )
