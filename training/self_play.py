"""Makes a step's experience: the current policy plays itself in every seat."""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from mirrormatch import games, prompts
from mirrormatch.agents.engines import _adapters as adapters
from mirrormatch.agents.engines._engine import Engine, SleepingEngine
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.episodes import to_json
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.spec import with_adapter
from mirrormatch.agents.types import Episode
from mirrormatch.files import write_text
from mirrormatch.seeds import derive
from mirrormatch.training import metrics
from mirrormatch.training.config import RunConfig
from mirrormatch.training.estimator import Estimator, State
from mirrormatch.training.rows import rows
from mirrormatch.training.run_folder import RunFolder
from mirrormatch.training.trajectories import trajectories
from mirrormatch.training.trl_trainer import Learnable


class SelfPlay:
    """Plays with the newest adapter and turns the episodes into rows.

    Args:
        config: the run's settings.
        engine: what generates.
        estimator: owns the baselines.
        folder: the run's.
        save_adapter: writes the trained adapter as it is now into a folder.
        base: name and fingerprint of the base model, for the adapters' cards.
    """

    def __init__(
        self,
        config: RunConfig,
        engine: Engine,
        estimator: Estimator,
        folder: RunFolder,
        save_adapter: Callable[[Path], None],
        base: tuple[str, str],
    ) -> None:
        self._config = config
        self._engine = engine
        self._estimator = estimator
        self._folder = folder
        self._save_adapter = save_adapter
        self._base = base
        self._saved: int | None = None  # the step after which an adapter was written last
        self.measured: metrics.Metrics = {}  # of the newest step

    def __call__(self, step: int) -> Learnable:
        """The experience of step number `step`, counted from 0."""
        began = time.perf_counter()
        agent = self.agent(step)
        episodes = asyncio.run(self._episodes(agent, step))
        self.rest()
        write_text(self._folder.episodes(step), "".join(f"{to_json(e)}\n" for e in episodes))
        learnable, num_tokens = self._learnable(episodes)
        play_s = time.perf_counter() - began
        self.measured = {
            **metrics.of_play(episodes, self._estimator.state()),
            "time/play_s": play_s,
            "tokens_per_s": num_tokens / play_s,
        }
        return learnable

    def agent(self, step: int) -> LLMAgent:
        """The policy after `step` steps, as it is now, in the shape in which it plays."""
        folder = self.save(step)
        self.wake()
        return LLMAgent(
            spec=with_adapter(self._config.model, folder),
            engine=self._engine,
            prompt=prompts.get(self._config.prompt, self._config.prompts),
            sampling=Sampling(max_tokens=self._config.play.max_tokens, temperature=self._config.play.temperature),
            adapter=self._engine.load(folder),
            patience=self._config.play.patience,
        )

    def wake(self) -> None:
        """The engine is wanted again."""
        if isinstance(self._engine, SleepingEngine):
            self._engine.wake()

    def rest(self) -> None:
        """Nobody plays for a while: an engine that shares the GPU makes room."""
        if isinstance(self._engine, SleepingEngine):
            self._engine.sleep()

    def save(self, step: int) -> Path:
        """Writes the policy after `step` steps, as it is now, and returns its folder. A second call costs nothing."""
        if step != self._saved:
            self._folder.write_adapter(step, self._write_adapter)
            if step and (step - 1) % self._config.keep_adapters:
                self._folder.drop_adapter(step - 1)
            self._saved = step
        return self._folder.adapter(step)

    def _write_adapter(self, folder: Path) -> None:
        self._save_adapter(folder)
        adapters.write_card(folder, *self._base)

    def estimator_state(self) -> State:
        """The baselines, to be saved."""
        return self._estimator.state()

    async def _episodes(self, agent: LLMAgent, step: int) -> Sequence[Episode]:
        names = self._config.play.games

        def played(k: int) -> Awaitable[Episode]:
            game = games.get(names[k % len(names)])
            return play(game, [agent] * len(game.info.roles), derive(self._config.seed, "train", step, k))

        return await run_all(functools.partial(played, k) for k in range(self._config.play.episodes))

    def _learnable(self, episodes: Sequence[Episode]) -> tuple[Learnable, int]:
        batch = [t for e in episodes for t in trajectories(e, self._config.play.reward)]
        discount = self._config.estimator.turn_discount
        advantages = self._estimator(batch)
        made = [row for t, a in zip(batch, advantages, strict=True) for row in rows(t, a, discount)]
        num_tokens = sum(len(m.completion.token_ids) for t in batch for m in t.moves)
        return Learnable(made, len(batch)), num_tokens
