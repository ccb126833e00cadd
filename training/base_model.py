"""The base model of a run: the inference engine, the weights to train, and the date that its prompts show."""

from typing import NamedTuple

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._engine import ChatEngine, DatedEngine, Engine, SleepingEngine, template_date
from mirrormatch.agents.engines._settings import Dtype
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.spec import load_engine
from mirrormatch.errors import UserError
from mirrormatch.training.config import RunConfig
from mirrormatch.training.model_spec import check_model_spec
from mirrormatch.training.run_folder import RunFolder
from mirrormatch.training.warm_start import find_start


def keep_date(engine: Engine, folder: RunFolder) -> None:
    """Gives prompts the date on which the run began, where the chat template shows one: a resumed run repeats them."""
    date = template_date(engine)
    if date is not None and isinstance(engine, DatedEngine):
        engine.fix_date(folder.keep_date(date))


class Trainable(NamedTuple):
    """A base model to train.

    Attributes:
        engine: the inference engine.
        path: the path or id of the weights.
        dtype: the type of the learner's copy of the weights: the engine's own, where it runs in this process.
    """

    engine: Engine
    path: str
    dtype: Dtype


def load_trainable(config: RunConfig) -> Trainable:
    """Loads the inference engine and finds the weights to train.

    Raises:
        UserError: the model can't be trained, or not with these settings.
    """
    engine = load_engine(check_model_spec(config.model))
    if (start := find_start(config)) is not None:
        _adapters.check_base(start, config.model, engine.fingerprint)
    if engine.base is None or isinstance(engine, ChatEngine):
        raise UserError(f"model = {config.model!r} can't be trained: it gives no tokens; write nano or hf:PATH_OR_ID")
    return Trainable(engine, engine.base, engine.dtype if isinstance(engine, TransformersEngine) else "auto")


def sleep(engine: Engine) -> None:
    """Frees the GPU memory of an engine that shares a GPU with the learner."""
    if isinstance(engine, SleepingEngine):
        engine.sleep()
