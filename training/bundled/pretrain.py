"""Makes the bundled nano model from nothing: `python -m mirrormatch.training.bundled.pretrain OUT` (or `make nano`).

A Qwen3-architecture causal language model of about one million parameters in ordinary Hugging Face format. Hidden
matrices are trained with Muon, the rest with AdamW (Jordan 2024, Muon), under a warm-up-stable-decay schedule; the loss
covers the model's own tokens only.
"""

import argparse
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from rich.progress import Progress, TextColumn
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.training.bundled import corpus
from mirrormatch.training.bundled.tokenizer import END, PAD, save_tokenizer, train_tokenizer

VOCAB_SIZE = 2048
TOKENIZER_TEXTS = 20_000  # conversations; more change no merge that matters
BATCH_ROWS = 32  # bigger batches learn slower per CPU-minute
CHUNK_BATCHES = 16  # rows are sorted by length within so many batches, which halves the padding
MUON_RATE, ADAM_RATE = 4e-3, 4e-3
FINISHING_RATE = 0.3  # of the full learning rates
WARMUP, DECAY = 0.02, 0.35  # shares of the steps
SMOOTHING = 0.02  # weight of the newest loss in the displayed average


class Batch(NamedTuple):
    """Rows padded to one length. B rows, T tokens."""

    ids_BT: Tensor
    own_BT: Tensor  # bool: the model's own tokens, which the loss covers


class Shape(NamedTuple):
    """The sizes of a model."""

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    positions: int


NANO = Shape(VOCAB_SIZE, hidden=128, intermediate=384, layers=4, heads=4, kv_heads=2, positions=2048)


def build_model(shape: Shape, pad_id: int, end_id: int) -> Qwen3ForCausalLM:
    """Builds an untrained model. vLLM's CPU kernels support its head dimension, 32."""
    config = Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=32,
        max_position_embeddings=shape.positions,
        tie_word_embeddings=True,
        pad_token_id=pad_id,
        eos_token_id=end_id,
        bos_token_id=None,
        dtype="float32",
    )
    return Qwen3ForCausalLM(config)


def rate_at(step: int, num_steps: int) -> float:
    """The factor on the learning rates at a step: warm-up, plateau, then a linear decay to 0."""
    warm = max(1, round(WARMUP * num_steps))
    fall = max(1, round(DECAY * num_steps))
    return min(1.0, (step + 1) / warm, (num_steps - step) / fall)


def batches(
    encoder: ChatEncoder, pad_id: int, end_id: int, seed: int, shares: Mapping[str, float] = corpus.SHARES
) -> Iterator[Batch]:
    """Generates an endless stream of batches of rows with similar lengths."""
    rows = corpus.examples(encoder, end_id, seed, shares)
    order = torch.Generator().manual_seed(seed)
    while True:
        chunk = sorted(itertools.islice(rows, BATCH_ROWS * CHUNK_BATCHES), key=lambda row: len(row.ids))
        for k in torch.randperm(CHUNK_BATCHES, generator=order).tolist():
            yield pad_rows(chunk[k * BATCH_ROWS : (k + 1) * BATCH_ROWS], pad_id)


def pad_rows(rows: list[corpus.Example], pad_id: int) -> Batch:
    """Pads rows on the right: under causal attention no real token sees the padding, so no mask is needed."""
    length = max(len(row.ids) for row in rows)
    ids = [row.ids + [pad_id] * (length - len(row.ids)) for row in rows]
    own = [row.own + [0] * (length - len(row.own)) for row in rows]
    return Batch(torch.tensor(ids), torch.tensor(own, dtype=torch.bool))


def compute_loss(model: Qwen3ForCausalLM, batch: Batch) -> Tensor:
    """Mean cross entropy, in nats, over the model's own tokens; logits are made for those alone."""
    hidden_BTD = model.model(batch.ids_BT).last_hidden_state
    own_BT = batch.own_BT[:, 1:]
    logits_NV = model.lm_head(hidden_BTD[:, :-1][own_BT])
    return torch.nn.functional.cross_entropy(logits_NV.float(), batch.ids_BT[:, 1:][own_BT])


def optimizers(model: Qwen3ForCausalLM) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms."""
    hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    muon = torch.optim.Muon(hidden, lr=MUON_RATE, weight_decay=0.0, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    adam = torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0)
    return muon, adam


def pretrain(out: Path, num_steps: int, num_finishing: int, seed: int) -> None:
    """Makes the tokenizer and the model and writes both to `out`, weights in bf16 safetensors."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(corpus.texts(seed, TOKENIZER_TEXTS), VOCAB_SIZE)
    save_tokenizer(tokenizer, out)
    vocabulary = tokenizer.get_vocab()
    model = build_model(NANO, vocabulary[PAD], vocabulary[END])
    learn(model, tokenizer, corpus.SHARES, num_steps, 1.0, seed)
    save_model(model, tokenizer, out)
    finish(out, out, num_finishing, seed + 1)


def finish(start: Path, out: Path, num_steps: int, seed: int) -> None:
    """Continues training the model in `start` with the finishing shares of the corpus, and writes it to `out`."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(start)
    model = Qwen3ForCausalLM.from_pretrained(start, dtype=torch.float32)
    learn(model, tokenizer, corpus.FINISHING_SHARES, num_steps, FINISHING_RATE, seed)
    save_tokenizer(tokenizer, out)
    save_model(model, tokenizer, out)


def learn(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    shares: Mapping[str, float],
    num_steps: int,
    peak: float,
    seed: int,
) -> None:
    """Trains the model in place; the plateau of the schedule is `peak` times the full learning rates."""
    vocabulary = tokenizer.get_vocab()
    stream = batches(ChatEncoder(tokenizer), vocabulary[PAD], vocabulary[END], seed, shares)
    both = optimizers(model)
    scheduled = [torch.optim.lr_scheduler.LambdaLR(o, lambda s: peak * rate_at(s, num_steps)) for o in both]
    smooth = 0.0
    with Progress(*Progress.get_default_columns(), TextColumn("{task.fields[note]}")) as progress:
        task = progress.add_task("learning", total=num_steps, note="")
        for step, batch in zip(range(num_steps), stream, strict=False):
            loss = compute_loss(model, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer, schedule in zip(both, scheduled, strict=True):
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            smooth += max(SMOOTHING, 1 / (step + 1)) * (loss.item() - smooth)
            progress.update(task, advance=1, note=f"loss {smooth:.3f}")


def save_model(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Writes the weights in bf16, which halves the bundle; the engine computes in fp32 on a CPU."""
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.bfloat16().save_pretrained(out)


def main() -> None:
    """The command line of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder to write")
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--finishing-steps", type=int, default=800)
    parser.add_argument("--finish", type=Path, metavar="DIR", help="only the finishing steps, from the model in DIR")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="one is nearly as fast as two on a model this small")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.finish is not None:
        finish(given.finish, given.out, given.finishing_steps, given.seed + 1)
    else:
        pretrain(given.out, given.steps, given.finishing_steps, given.seed)


if __name__ == "__main__":
    main()
