"""From a run's settings to the agent that is measured: its base model, or that with one of its adapters."""

from pathlib import Path

from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.spec import add_adapter, model_agent
from mirrormatch.training.config import RunConfig


def policy(config: RunConfig, adapter: Path | None = None) -> LLMAgent:
    """The agent with the run's own prompt, temperature and budget.

    Args:
        config: the run's settings.
        adapter: the folder of an adapter or of a run; none for the base model.
    """
    spec = config.model if adapter is None else add_adapter(config.model, adapter)
    sampling = Sampling(max_tokens=config.measured_tokens, temperature=config.play.temperature)
    return model_agent(spec, config.prompt.settings, sampling, config.prompt.format)
