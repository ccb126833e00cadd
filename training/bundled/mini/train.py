"""Makes the bundled model mini from nothing: `python -m mirrormatch.training.bundled.mini.train OUT` (or `make mini`).

A Qwen3-architecture causal language model of four million parameters. The run is resumable: it writes a checkpoint
every few minutes, and a killed run that is started again makes the same weights, bit for bit on one machine with one
version of torch and one number of threads. A chunk of the corpus depends on its number alone, so nothing but weights,
optimizers and the number of steps has to be kept. Optimizers and loss are those of the nano model's recipe.
"""

import argparse
import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.training.bundled.corpus import Conversation, Example, encode_conversation
from mirrormatch.training.bundled.mini import corpus
from mirrormatch.training.bundled.mini.thinkers import list_missing
from mirrormatch.training.bundled.pretrain import (
    Batch,
    Shape,
    build_model,
    compute_loss,
    optimizers,
    pad_rows,
    rate_at,
    save_model,
)
from mirrormatch.training.bundled.tokenizer import END, PAD, save_tokenizer, train_tokenizer

CHECKPOINTS = "checkpoint-*"
SMOOTHING = 0.02  # weight of the newest loss in the reported average


class Recipe(NamedTuple):
    """The numbers of a run.

    Attributes:
        steps: number of optimizer steps.
        batch_rows: number of rows of a step.
        chunk_batches: number of batches of a chunk, within which rows are sorted by length.
        tokenizer_texts: number of conversations from which the tokenizer is made.
        vocabulary: number of tokens.
        hidden: width of the model.
        layers: number of layers.
        max_tokens: length above which a row is cut after a reply, or left out if its first reply ends later.
        checkpoint_s: time between checkpoints.
    """

    steps: int = 4_600  # 150 minutes at 31 steps a minute on two idle cores
    batch_rows: int = 32
    chunk_batches: int = 16
    tokenizer_texts: int = 20_000
    vocabulary: int = 4_096
    hidden: int = 256
    layers: int = 5
    max_tokens: int = 1_024
    checkpoint_s: float = 240.0


SMOKE = Recipe(
    steps=12, batch_rows=4, chunk_batches=2, tokenizer_texts=120, vocabulary=600, hidden=64, layers=1,
    max_tokens=1_024, checkpoint_s=0.0,
)  # fmt: skip


class Progress(NamedTuple):
    """How far a run is.

    Attributes:
        step: number of steps done.
        loss: running average of the loss.
        num_left_out: number of rows that were too long.
    """

    step: int = 0
    loss: float = 0.0
    num_left_out: int = 0


class Chunk(NamedTuple):
    """The encoded rows of a chunk, and the number of rows that were too long."""

    rows: list[Example]
    num_left_out: int


def model_shape(recipe: Recipe) -> Shape:
    """The sizes of the recipe's model."""
    return Shape(
        recipe.vocabulary,
        hidden=recipe.hidden,
        intermediate=recipe.hidden * 5 // 2,
        layers=recipe.layers,
        heads=recipe.hidden // 32,
        kv_heads=max(1, recipe.hidden // 128),
        positions=4_096,
    )


# the corpus in tokens


def make_tokenizer(recipe: Recipe, work: Path, seed: int) -> PreTrainedTokenizerFast:
    """Loads the run's tokenizer, or trains it on the first texts of a corpus of its own."""
    folder = work / "tokenizer"
    if not folder.exists():
        draft = work / "tokenizer.part"
        texts = (part.text for chunk in _text_chunks(recipe, seed) for part in chunk)
        save_tokenizer(train_tokenizer(texts, recipe.vocabulary), draft)
        draft.rename(folder)
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return tokenizer


def _text_chunks(recipe: Recipe, seed: int) -> Iterator[Conversation]:
    size = 1_000
    for number in range(-(-recipe.tokenizer_texts // size)):
        num = min(size, recipe.tokenizer_texts - number * size)
        yield from corpus.make_chunk(seed + 1, number, num)


def encode_chunk(recipe: Recipe, tokenizer: Path, seed: int, number: int) -> Chunk:
    """Makes a chunk's rows, sorted by length. Runs in a process of its own."""
    loaded = PreTrainedTokenizerFast.from_pretrained(tokenizer)
    encoder, end_id = ChatEncoder(loaded), loaded.get_vocab()[END]
    num = recipe.batch_rows * recipe.chunk_batches
    rows = list[Example]()
    num_left_out = part = 0
    while len(rows) < num:
        made = corpus.make_chunk(seed, number * 1_000 + part, num - len(rows))
        encoded = [encode_conversation(conversation, encoder, end_id) for conversation in made]
        cut = [row for row in (cut_row(row, recipe.max_tokens) for row in encoded) if row.ids]
        num_left_out += len(encoded) - len(cut)
        rows += cut
        part += 1
    return Chunk(sorted(rows, key=lambda row: len(row.ids)), num_left_out)


def cut_row(row: Example, max_tokens: int) -> Example:
    """Cuts a row after its last whole reply within the length; an empty row if there is none."""
    own = [*row.own, 0]
    ends = [k + 1 for k in range(min(len(row.ids), max_tokens)) if own[k] and not own[k + 1]]
    return Example(row.ids[: ends[-1]], row.own[: ends[-1]]) if ends else Example([], [])


def list_batches(chunk: Chunk, recipe: Recipe, number: int, pad_id: int) -> list[Batch]:
    """The batches of a chunk in the order in which they are learned."""
    order = torch.randperm(recipe.chunk_batches, generator=torch.Generator().manual_seed(number)).tolist()
    size = recipe.batch_rows
    return [pad_rows(chunk.rows[k * size : (k + 1) * size], pad_id) for k in order]


# checkpoints


def write_checkpoint(work: Path, model: Qwen3ForCausalLM, both: list[torch.optim.Optimizer], state: Progress) -> None:
    """Writes weights, optimizers and progress, and deletes older checkpoints."""
    draft = work / "checkpoint.part"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    save_file(dict(model.named_parameters()), draft / "model.safetensors")
    save_file(_flatten(both), draft / "optimizers.safetensors")
    (draft / "progress.json").write_text(json.dumps(state._asdict()), encoding="utf-8")
    final = work / f"checkpoint-{state.step:06d}"
    draft.rename(final)  # a folder with this name is complete
    for older in work.glob(CHECKPOINTS):
        if older != final:
            shutil.rmtree(older)


def read_checkpoint(work: Path, model: Qwen3ForCausalLM, both: list[torch.optim.Optimizer]) -> Progress:
    """Restores the newest checkpoint, if there is one."""
    newest = max(work.glob(CHECKPOINTS), default=None)
    if newest is None:
        return Progress()
    weights = load_file(newest / "model.safetensors")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    _unflatten(both, load_file(newest / "optimizers.safetensors"))
    return Progress(**json.loads((newest / "progress.json").read_text(encoding="utf-8")))


def _flatten(both: list[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The state of the optimizers as tensors, by optimizer, parameter and name."""
    return {
        f"{k}.{index}.{name}": value.contiguous()
        for k, optimizer in enumerate(both)
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def _unflatten(both: list[torch.optim.Optimizer], stored: dict[str, Tensor]) -> None:
    for k, optimizer in enumerate(both):
        whole = optimizer.state_dict()
        for key, value in stored.items():
            owner, index, name = key.split(".")
            if int(owner) == k:
                whole["state"].setdefault(int(index), {})[name] = value
        optimizer.load_state_dict(whole)


# the run


def train(out: Path, work: Path, recipe: Recipe, seed: int, device: str = "cpu") -> Progress:
    """Makes the model, or goes on from the newest checkpoint in `work`, and writes it to `out`."""
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    tokenizer = make_tokenizer(recipe, work, seed)
    vocabulary = tokenizer.get_vocab()
    model = build_model(model_shape(recipe), vocabulary[PAD], vocabulary[END])
    model.to(device)  # type: ignore[arg-type]  # transformers' annotation lacks strings
    both = list(optimizers(model))
    bases = [[group["lr"] for group in optimizer.param_groups] for optimizer in both]
    state, saved = read_checkpoint(work, model, both), time.monotonic()
    for batch, num_left_out in _stream(recipe, work / "tokenizer", seed, state.step, vocabulary[PAD]):
        loss = _step(model, both, bases, recipe, state.step, Batch(*(part.to(device) for part in batch)))
        weight = max(SMOOTHING, 1 / (state.step + 1))
        smooth = state.loss + weight * (loss - state.loss)
        state = Progress(state.step + 1, smooth, state.num_left_out + num_left_out)
        if time.monotonic() - saved >= recipe.checkpoint_s or state.step == recipe.steps:
            write_checkpoint(work, model, both, state)
            saved = time.monotonic()
        print(f"\rstep {state.step} of {recipe.steps}, loss {state.loss:.3f}", end="", flush=True)
    print()
    save_tokenizer(tokenizer, out)
    model.cpu()
    save_model(model, tokenizer, out)
    return state


def _stream(recipe: Recipe, tokenizer: Path, seed: int, start: int, pad_id: int) -> Iterator[tuple[Batch, int]]:
    """Yields the batches from a step on, each with the number of rows that were left out before it.

    The next chunk is made in another process while the present one is learned.
    """
    size = recipe.chunk_batches
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
        waiting: Future[Chunk] = pool.submit(encode_chunk, recipe, tokenizer, seed, start // size)
        for number in range(start // size, -(-recipe.steps // size)):
            chunk = waiting.result()
            if (number + 1) * size < recipe.steps:
                waiting = pool.submit(encode_chunk, recipe, tokenizer, seed, number + 1)
            first = max(start - number * size, 0)
            last = min(recipe.steps - number * size, size)
            for k, batch in enumerate(list_batches(chunk, recipe, number, pad_id)[first:last], first):
                yield batch, chunk.num_left_out if k == 0 else 0


def _step(
    model: Qwen3ForCausalLM,
    both: list[torch.optim.Optimizer],
    bases: list[list[float]],
    recipe: Recipe,
    step: int,
    batch: Batch,
) -> float:
    """One optimizer step at the rates of the schedule; returns the loss."""
    factor = rate_at(step, recipe.steps)
    for optimizer, rates in zip(both, bases, strict=True):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
    loss = compute_loss(model, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in both:
        optimizer.step()
        optimizer.zero_grad()
    return loss.item()


def main() -> None:
    """The command line of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder to write")
    parser.add_argument("--work", type=Path, help="the folder of checkpoints; by default OUT with -work after its name")
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    parser.add_argument("--smoke", action="store_true", help="a tiny model and few steps, to test the recipe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of the learner; the corpus is made in another process")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if missing := list_missing():
        print(f"no thinker plays these games, so the model won't know them: {', '.join(missing)}")
    recipe = SMOKE if given.smoke else Recipe()._replace(steps=given.steps)
    work = given.work or given.out.with_name(f"{given.out.name}-work")
    state = train(given.out, work, recipe, given.seed, given.device)
    print(f"{given.out}: {state.step} steps, loss {state.loss:.3f}, {state.num_left_out} rows were too long")


if __name__ == "__main__":
    main()
