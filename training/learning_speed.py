"""How fast this machine learns: one forward and backward pass through the base model, timed."""

import time

import torch

from mirrormatch.agents.engines.hf import TransformersEngine

NUM_ROWS, NUM_PASSES = 8, 3


def measure_learning(engine: TransformersEngine, num_tokens: int) -> float:
    """Measures the number of tokens per second of a forward and a backward pass, as LoRA needs them.

    The gradient of the embedded tokens takes the time of the gradients of activations; those of the adapter add little.

    Args:
        engine: the inference engine, whose base model is used.
        num_tokens: tokens of a row.
    """
    model = engine.model
    ids_BT = torch.zeros((NUM_ROWS, num_tokens), dtype=torch.long, device=model.device)
    embedded = model.get_input_embeddings()(ids_BT).detach()
    taken_s = []
    for _ in range(NUM_PASSES):
        began = time.perf_counter()
        inputs = embedded.clone().requires_grad_()
        model(inputs_embeds=inputs).logits.float().log_softmax(-1)[..., 0].sum().backward()
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        taken_s.append(time.perf_counter() - began)
    return float(ids_BT.numel() / min(taken_s))
