"""The recipe of the bundled model: its training text, and a short run from nothing."""

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from mirrormatch import games, prompts
from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.play import play
from mirrormatch.agents.types import Episode
from mirrormatch.games import exercises
from mirrormatch.prompts import Message
from mirrormatch.training.bundled import corpus, pretrain
from mirrormatch.training.bundled.corpus import Conversation, OwnText
from mirrormatch.training.bundled.players import PLAYERS, ThinkingAgent
from mirrormatch.training.bundled.tokenizer import END, train_tokenizer

NUM = 400
BOXED = prompts.get("boxed")


def first(num: int, seed: int = 0) -> list[Conversation]:
    return list(itertools.islice(corpus.conversations(seed), num))


@pytest.fixture(scope="module")
def conversations() -> list[Conversation]:
    return first(NUM)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(corpus.texts(0, 200), 512)


def own_texts(conversation: Conversation) -> list[str]:
    return [part.text for part in conversation if isinstance(part, OwnText)]


def as_messages(conversation: Conversation) -> list[Message]:
    return [Message("assistant", part.text) if isinstance(part, OwnText) else part for part in conversation]


# the corpus


def test_the_corpus_is_the_same_every_time(conversations: list[Conversation]) -> None:
    assert first(NUM) == conversations


def test_another_seed_gives_another_corpus(conversations: list[Conversation]) -> None:
    assert first(NUM, seed=1) != conversations


def test_every_teacher_is_of_a_game() -> None:
    assert set(PLAYERS) <= set(games.names())


def test_the_shares_of_the_corpus_are_all_of_it() -> None:
    assert sorted(corpus.SHARES) == sorted([*PLAYERS, "exercises"])
    assert sum(corpus.SHARES.values()) == pytest.approx(1.0)


def test_a_conversation_ends_in_what_is_learned(conversations: list[Conversation]) -> None:
    assert all(isinstance(conversation[-1], OwnText) for conversation in conversations)


def test_some_games_are_kept_as_one_conversation(conversations: list[Conversation]) -> None:
    assert {len(own_texts(conversation)) for conversation in conversations} >= {1, 2, 3}


def test_everything_that_is_learned_is_an_answer(conversations: list[Conversation]) -> None:
    replies = [text for conversation in conversations for text in own_texts(conversation)]
    assert all(isinstance(BOXED.read(text, truncated=False).answer, str) for text in replies)


def questions(found: Sequence[Conversation]) -> list[str]:
    return [c[1].text for c in found if c[0].text.startswith("Solve the problem.")]


def test_no_question_that_is_held_out_is_learned() -> None:
    found = questions(first(3_000))
    assert len(found) > 1_000
    assert not [question for question in found if exercises.is_held_out(question)]


def test_questions_are_hardly_ever_repeated(conversations: list[Conversation]) -> None:
    found = questions(conversations)
    assert len(set(found)) > 0.95 * len(found)


# the teachers


def lesson(name: str, seed: int) -> Episode:
    game = games.get(name)
    agent = ThinkingAgent(PLAYERS[name], BOXED)
    return asyncio.run(play(game, [agent] * len(game.info.roles), seed))


@pytest.mark.parametrize("name", PLAYERS)
def test_teachers_make_legal_moves_alone(name: str) -> None:
    problems = [turn.problem for seed in range(40) for turn in lesson(name, seed).turns if turn.problem is not None]
    assert problems == []


@pytest.mark.parametrize("name", PLAYERS)
def test_a_teachers_reply_is_read_as_the_move_it_made(name: str) -> None:
    game = games.get(name)
    for seed in range(10):
        state, replies = game.start(), iter(lesson(name, seed).turns)
        deal = iter(lesson(name, seed).deal)
        while (role := game.to_act(state)) != games.OVER:
            if role == games.CHANCE:
                state = game.apply(state, next(deal))
                continue
            turn = next(replies)
            answer = BOXED.read(turn.reply, truncated=False).answer
            assert isinstance(answer, str)
            assert game.parse(state, answer) == turn.action
            state = game.apply(state, turn.action)


@pytest.mark.parametrize("name", PLAYERS)
def test_teachers_think_before_every_move(name: str) -> None:
    assert all(turn.thinking for seed in range(10) for turn in lesson(name, seed).turns)


# in tokens


def test_a_row_reads_as_the_chat_template_writes_it(conversations: list[Conversation], tokenizer: Any) -> None:
    encoder = ChatEncoder(tokenizer)
    for conversation in conversations[:100]:
        row = corpus.encode_conversation(conversation, encoder, tokenizer.convert_tokens_to_ids(END))
        dicts = [{"role": m.role, "content": m.text} for m in as_messages(conversation)]
        assert tokenizer.decode(row.ids) == tokenizer.apply_chat_template(dicts, tokenize=False).removesuffix("\n")


def test_only_the_models_own_words_and_their_end_are_learned(conversations: list[Conversation], tokenizer: Any) -> None:
    encoder = ChatEncoder(tokenizer)
    for conversation in conversations[:100]:
        row = corpus.encode_conversation(conversation, encoder, tokenizer.convert_tokens_to_ids(END))
        learned = [i for i, own in zip(row.ids, row.own, strict=True) if own]
        assert tokenizer.decode(learned) == "".join(f"{text}{END}" for text in own_texts(conversation))


def test_what_is_read_before_a_word_is_what_an_engine_would_encode(
    conversations: list[Conversation], tokenizer: Any
) -> None:
    encoder = ChatEncoder(tokenizer)
    for conversation in conversations[:100]:
        row = corpus.encode_conversation(conversation, encoder, tokenizer.convert_tokens_to_ids(END))
        prompt = as_messages(conversation)[: conversation.index(OwnText(own_texts(conversation)[0]))]
        assert tuple(row.ids[: row.own.index(1)]) == encoder.encode(prompt)


# the model


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.5), (1, 1.0), (64, 1.0), (65, 1.0), (66, 34 / 35), (82, 18 / 35), (99, 1 / 35)]
)
def test_the_learning_rate_warms_up_stays_and_falls(step: int, expected: float) -> None:
    """Of 100 steps, 2 are warm-up and the last 35 the fall."""
    assert pretrain.rate_at(step, 100) == pytest.approx(expected)


def test_the_loss_is_that_of_the_learned_tokens_alone() -> None:
    model = pretrain.build_model(pretrain.NANO, pad_id=0, end_id=2)
    ids, own = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 0]]), torch.tensor([[0, 0, 1, 1], [0, 1, 1, 0]]).bool()
    logp = torch.log_softmax(model(ids).logits, -1)
    places = [(0, 2), (0, 3), (1, 1), (1, 2)]
    expected = -sum(logp[row, at - 1, ids[row, at]] for row, at in places) / 4
    torch.testing.assert_close(pretrain.compute_loss(model, pretrain.Batch(ids, own)), expected)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model after three steps of the recipe on little text."""
    with pytest.MonkeyPatch.context() as smaller:
        smaller.setattr(pretrain, "TOKENIZER_TEXTS", 100)
        smaller.setattr(pretrain, "BATCH_ROWS", 4)
        smaller.setattr(pretrain, "CHUNK_BATCHES", 2)
        pretrain.pretrain(out := tmp_path_factory.mktemp("nano"), num_steps=3, num_finishing=2, seed=0)
    return out


@pytest.mark.slow
def test_the_recipe_makes_a_model_that_an_engine_loads(made: Path) -> None:
    engine = TransformersEngine(str(made))
    reply = asyncio.run(engine.generate(engine.encode([Message("user", "You are X.")]), Sampling(max_tokens=3)))
    assert len(reply.token_ids) == 3


def test_the_recipe_makes_an_ordinary_folder_without_pickles(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_the_recipe_makes_about_a_million_parameters(made: Path) -> None:
    num = sum(p.numel() for p in TransformersEngine(str(made)).model.parameters())
    assert 300_000 < num < 2_000_000
