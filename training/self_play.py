"""Self-play of one step: the current policy in every seat, and its adapter in the run's folder."""

import asyncio
import functools
from collections.abc import Awaitable, Sequence
from pathlib import Path

from mirrormatch import games, prompts
from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._engine import Engine, SleepingEngine
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.episodes import to_json
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.spec import add_adapter, hide_paths, name_agent, record_name, remove_adapter
from mirrormatch.agents.types import Episode
from mirrormatch.files import write_text
from mirrormatch.seeds import derive
from mirrormatch.training.config import RunConfig
from mirrormatch.training.learner import Learner
from mirrormatch.training.run_folder import RunFolder


class SelfPlay:
    """Plays a step's episodes with the learner's newest adapter.

    Args:
        config: the run's settings.
        engine: the inference engine.
        learner: the source of the adapters.
        folder: the run's folder.
    """

    def __init__(self, config: RunConfig, engine: Engine, learner: Learner, folder: RunFolder) -> None:
        self._config = config
        self._engine = engine
        self._learner = learner
        self._folder = folder
        self._saved_step: int | None = None  # of the newest adapter in the folder

    def play(self) -> Sequence[Episode]:
        """Plays the next step's episodes and writes them to the run's folder."""
        step = self._learner.step
        with_tokens = asyncio.run(self._play(self.agent(), step))
        self.sleep_engine()
        write_text(self._folder.episodes_path(step), "".join(f"{to_json(e)}\n" for e in with_tokens))
        return with_tokens

    def agent(self) -> LLMAgent:
        """The current policy, with the prompt and the sampling of play; wakes the engine."""
        folder = self.save_adapter()
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

    def wake_engine(self) -> None:
        """Loads the engine's weights back to the GPU that it shares with the learner."""
        if isinstance(self._engine, SleepingEngine):
            self._engine.wake()

    def sleep_engine(self) -> None:
        """Frees the engine's GPU memory for the update."""
        if isinstance(self._engine, SleepingEngine):
            self._engine.sleep()

    def save_adapter(self) -> Path:
        """Writes the current policy's adapter, unless it is there already, and returns its folder."""
        step = self._learner.step
        if step != self._saved_step:
            self._folder.write_adapter(step, self._write_adapter)
            if step and (step - 1) % self._config.keep_adapters:
                self._folder.drop_adapter(step - 1)
            self._saved_step = step
        return self._folder.adapter_path(step)

    def _write_adapter(self, folder: Path) -> None:
        self._learner.save_adapter(folder)
        _adapters.tidy_files(folder)
        base = hide_paths(remove_adapter(self._config.model))
        _adapters.write_card(folder, base, self._engine.fingerprint, self._config.request)

    async def _play(self, agent: LLMAgent, step: int) -> Sequence[Episode]:
        names = self._config.play.games

        def play_one(k: int) -> Awaitable[Episode]:
            game = games.get(names[k % len(names)])
            return play(game, [agent] * len(game.info.roles), derive(self._config.seed, "train", step, k))

        return await run_all(functools.partial(play_one, k) for k in range(self._config.play.episodes))
