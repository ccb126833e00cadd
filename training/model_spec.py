"""The spec of the model that a run trains, checked before its libraries are imported.

It may name an adapter, from whose weights the training starts.
"""

from mirrormatch.agents import players
from mirrormatch.agents.spec import ModelSettings, Spec, check_spec, parse_spec
from mirrormatch.errors import UserError


def check_model_spec(text: str, *, loads: bool = True) -> Spec:
    """Parses the spec and checks all that can be checked without loading it.

    Args:
        text: the spec.
        loads: whether the model will be loaded here.

    Raises:
        UserError: the spec has settings of play, or the model can't be loaded.
    """
    spec = parse_spec(text)
    if given := [name for name, _ in spec.settings if name in ModelSettings.model_fields]:
        raise UserError(f"model = {text!r}: {given[0]!r} is for play and evals; a run's own are in [play] and [prompt]")
    if spec.kind in players.names():
        raise UserError(f"model = {text!r} can't be trained: it is no language model; write nano or hf:PATH_OR_ID")
    return check_spec(text, loads=loads)
