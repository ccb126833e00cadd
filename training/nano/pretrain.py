"""Makes the bundled nano model from nothing: `python -m mirrormatch.training.nano.pretrain OUT` (or `make nano`).

A Qwen3-architecture causal language model of about one million parameters in ordinary Hugging Face format. Hidden
matrices are trained with Muon, the rest with AdamW (Jordan 2024, Muon), under a warm-up-stable-decay schedule; only the
model's own tokens are learned.
"""

import argparse
import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from rich.progress import Progress, TextColumn
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from mirrormatch.agents.core.encoding import ChatEncoder
from mirrormatch.training.nano import corpus
from mirrormatch.training.nano.tokenizer import END, PAD, save_tokenizer, train_tokenizer

VOCAB_SIZE = 2048
TOKENIZER_TEXTS = 20_000  # conversations; more change no merge that matters
BATCH_ROWS = 32  # bigger batches learn slower per CPU-minute
CHUNK_BATCHES = 16  # rows are sorted by length within so many batches, which halves the padding
MUON_RATE, ADAM_RATE = 4e-3, 4e-3
WARMUP, DECAY = 0.02, 0.35  # shares of the steps


class Batch(NamedTuple):
    """Rows padded to one length. B rows, T tokens."""

    ids_BT: Tensor
    own_BT: Tensor  # bool: the model's own tokens, which are learned


def new_model(pad_id: int, end_id: int) -> Qwen3ForCausalLM:
    """The untrained model. Head dimension 32 is one that vLLM's CPU kernels take."""
    config = Qwen3Config(
        vocab_size=VOCAB_SIZE,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=pad_id,
        eos_token_id=end_id,
        bos_token_id=None,
        dtype="float32",
    )
    return Qwen3ForCausalLM(config)


def rate_at(step: int, num_steps: int) -> float:
    """Warm-up, plateau, then a linear fall to 0; a factor on the learning rates."""
    warm = max(1, round(WARMUP * num_steps))
    fall = max(1, round(DECAY * num_steps))
    return min(1.0, (step + 1) / warm, (num_steps - step) / fall)


def batches(encoder: ChatEncoder, pad_id: int, end_id: int, seed: int) -> Iterator[Batch]:
    """An endless stream of batches of similar lengths."""
    rows = corpus.rows(encoder, end_id, seed)
    order = torch.Generator().manual_seed(seed)
    while True:
        chunk = sorted(itertools.islice(rows, BATCH_ROWS * CHUNK_BATCHES), key=lambda row: len(row.ids))
        for k in torch.randperm(CHUNK_BATCHES, generator=order).tolist():
            yield _padded(chunk[k * BATCH_ROWS : (k + 1) * BATCH_ROWS], pad_id)


def _padded(rows: list[corpus.Row], pad_id: int) -> Batch:
    """Rows padded on the right: under causal attention no real token sees the padding, so no mask is needed."""
    length = max(len(row.ids) for row in rows)
    ids = [row.ids + [pad_id] * (length - len(row.ids)) for row in rows]
    own = [row.own + [0] * (length - len(row.own)) for row in rows]
    return Batch(torch.tensor(ids), torch.tensor(own, dtype=torch.bool))


def loss_of(model: Qwen3ForCausalLM, batch: Batch) -> Tensor:
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


def pretrain(out: Path, num_steps: int, seed: int) -> None:
    """Trains the tokenizer and the model and writes both to `out`, weights in bf16 safetensors."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(corpus.texts(seed, TOKENIZER_TEXTS), VOCAB_SIZE)
    save_tokenizer(tokenizer, out)
    vocabulary = tokenizer.get_vocab()
    pad_id, end_id = vocabulary[PAD], vocabulary[END]
    model = new_model(pad_id, end_id)
    stream = batches(ChatEncoder(tokenizer), pad_id, end_id, seed)
    both = optimizers(model)
    scheduled = [torch.optim.lr_scheduler.LambdaLR(o, lambda s: rate_at(s, num_steps)) for o in both]
    began, num_tokens, smooth = time.monotonic(), 0, math.log(VOCAB_SIZE)
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[note]}"))
    with Progress(*columns) as progress:
        task = progress.add_task("learning", total=num_steps, note="")
        for step, batch in zip(range(num_steps), stream, strict=False):
            loss = loss_of(model, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer, schedule in zip(both, scheduled, strict=True):
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            num_tokens += batch.ids_BT.numel()
            smooth += 0.02 * (loss.item() - smooth)
            progress.update(task, advance=1, note=f"loss {smooth:.3f}")
            if (step + 1) % 200 == 0:
                print(
                    f"step {step + 1} loss {smooth:.4f} tokens {num_tokens} {time.monotonic() - began:.0f}s", flush=True
                )
    save_model(model, tokenizer, out)


def save_model(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Writes the weights in bf16, which halves the bundle; the engine computes in fp32 on a CPU."""
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.bfloat16().save_pretrained(out)


def main() -> None:
    """The command line of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder to write")
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="one is nearly as fast as two on a model this small")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    pretrain(given.out, given.steps, given.seed)


if __name__ == "__main__":
    main()
