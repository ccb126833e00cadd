"""The recipe of mini: its corpus, and a run that is killed and resumed."""

import asyncio
import itertools
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.paths import ROOT

from mirrormatch import games
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.types import Turn
from mirrormatch.games import exercises
from mirrormatch.games.types import Observation
from mirrormatch.prompts.prompt import Message
from mirrormatch.training.bundled.corpus import Conversation, Example, OwnText
from mirrormatch.training.bundled.mini import chatter, corpus, thinkers, train
from mirrormatch.training.bundled.pretrain import build_model, optimizers

NUM = 400
MAX_CHECKPOINT_BYTES = 60_000_000


@pytest.fixture(scope="module")
def chunk() -> list[Conversation]:
    return corpus.make_chunk(0, 0, NUM)


def own_texts(found: list[Conversation]) -> list[str]:
    return [part.text for conversation in found for part in conversation if isinstance(part, OwnText)]


def read_texts(found: list[Conversation]) -> str:
    return "\n".join(part.text for c in found for part in c if not isinstance(part, OwnText))


# the corpus


def test_games_without_a_thinker_are_listed() -> None:
    assert sorted([*thinkers.find_thinkers(), *thinkers.list_missing()]) == sorted(games.registry.names())
    assert len(thinkers.find_thinkers()) >= 28


def test_a_chunk_depends_on_its_number_alone(chunk: list[Conversation]) -> None:
    assert corpus.make_chunk(0, 0, NUM) == chunk
    assert corpus.make_chunk(0, 1, NUM) != chunk


def test_the_corpus_has_every_game(chunk: list[Conversation]) -> None:
    text = read_texts(corpus.make_chunk(0, 7, 3 * NUM))
    names = [n for n in thinkers.find_thinkers() if games.get(n).rules() not in text and not _has_variant(n, text)]
    assert names == []


def _has_variant(name: str, text: str) -> bool:
    return any(games.get(f"{name}:{given}").rules() in text for given in games.get(name).examples)


def test_a_conversation_ends_in_what_is_learned(chunk: list[Conversation]) -> None:
    assert all(isinstance(conversation[-1], OwnText) for conversation in chunk)


def test_no_held_out_question_is_learned(chunk: list[Conversation]) -> None:
    asked = [c[-2].text for c in chunk if "Solve the problem." in c[0].text]
    assert len(asked) > 30
    questions = [re.split(r"\n(?:End with|Answer with|Think in)", text)[0] for text in asked]
    assert [q for q in questions if exercises.is_held_out(q)] == []


def test_the_corpus_has_all_formats_and_histories() -> None:
    rng = random.Random(0)
    prompts = [corpus.draw_prompt(rng) for _ in range(500)]
    assert len({type(p) for p in prompts}) == len(corpus.FORMATS)
    assert {p.settings.history for p in prompts} == set(corpus.HISTORIES)
    assert {p.settings.list_legal for p in prompts} == {p.settings.keep_thoughts for p in prompts} == {True, False}


def test_a_reply_is_read_as_the_thinkers_move() -> None:
    rng = random.Random(0)
    seen = Observation(0, "text", ("4",))
    turn = Turn(role=0, observation=seen, reply="4", thinking="I take 4.", action="4", problem=None)
    for _ in range(50):
        prompt = corpus.draw_prompt(rng)
        assert prompt.read(corpus.write_reply(prompt, turn), truncated=False).answer == "4"


def test_hostile_chatter_is_read_but_never_learned() -> None:
    found = corpus.make_chunk(3, 0, 3 * NUM)
    lines = chatter.list_lines()
    assert sum(line in read_texts(found) for line in lines) > len(lines) / 4
    assert [text for text in own_texts(found) if any(f"| {line}" in text for line in lines)] == []


@pytest.mark.parametrize("name", chatter.SLOTS)
def test_every_slot_is_of_a_game_with_free_text(name: str) -> None:
    assert games.get(name).info.open_text


def test_no_game_fills_the_corpus(chunk: list[Conversation]) -> None:
    counts = Counter(c[0].text[:20] for c in chunk)
    assert max(counts.values()) < 0.25 * NUM


# the run


def run_recipe(out: Path, *, kill_after: str = "") -> None:
    """Runs the smoke recipe; kills it when a file that matches the pattern is in its work folder."""
    command = [sys.executable, "-m", "mirrormatch.training.bundled.mini.train", str(out), "--smoke"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    work = out.with_name(f"{out.name}-work")
    while process.poll() is None:
        if kill_after and any(work.glob(kill_after)):
            process.send_signal(signal.SIGKILL)
        time.sleep(0.02)
    assert kill_after or process.returncode == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_recipe(out := tmp_path_factory.mktemp("mini") / "whole")
    return out


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_weights(made: Path, tmp_path: Path) -> None:
    run_recipe(tmp_path / "killed", kill_after="checkpoint-000005")
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    run_recipe(tmp_path / "killed")
    for name in ("model.safetensors", "tokenizer.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (made / name).read_bytes()


@pytest.mark.slow
def test_an_engine_loads_the_model(made: Path) -> None:
    engine = TransformersEngine(str(made))
    reply = asyncio.run(engine.generate(engine.encode([Message("user", "You are X.")]), Sampling(max_tokens=3)))
    assert len(reply.token_ids) == 3


@pytest.mark.slow
def test_the_loss_falls_in_the_smoke_run(made: Path) -> None:
    progress = next(made.with_name("whole-work").glob("checkpoint-*/progress.json")).read_text()
    assert '"step": 12' in progress and float(progress.split('"loss": ')[1].split(",")[0]) < 6.0


def test_the_model_and_its_checkpoint_fit_their_bounds(tmp_path: Path) -> None:
    model = build_model(train.model_shape(train.Recipe()), 0, 2)
    num = sum(parameter.numel() for parameter in model.parameters())
    assert 3e6 < num < 5e6
    both = list(optimizers(model))
    for parameter in model.parameters():
        parameter.grad = parameter.detach().clone()
    for optimizer in both:
        optimizer.step()
    train.write_checkpoint(tmp_path, model, both, train.Progress(1, 2.0, 0))
    assert sum(p.stat().st_size for p in tmp_path.glob("checkpoint-*/*")) < MAX_CHECKPOINT_BYTES


@pytest.mark.parametrize(("max_tokens", "kept"), [(9, 8), (8, 8), (7, 4), (4, 4), (3, 0)])
def test_a_long_row_is_cut_after_a_whole_reply(max_tokens: int, kept: int) -> None:
    row = Example(list(range(8)), [0, 0, 1, 1, 0, 0, 1, 1])
    assert train.cut_row(row, max_tokens) == Example(row.ids[:kept], row.own[:kept])


def test_batches_of_a_chunk_are_all_its_rows() -> None:
    rows = [Example([k] * (k + 1), [1] * (k + 1)) for k in range(1, 9)]
    recipe = train.SMOKE._replace(batch_rows=4, chunk_batches=2)
    batches = train.list_batches(train.Chunk(rows, 0), recipe, 0, 0)
    firsts = sorted(itertools.chain.from_iterable(batch.ids_BT[:, 0].tolist() for batch in batches))
    assert firsts == list(range(1, 9))
