"""llama.cpp's own server with SmolLM2: matches, transfer and play in tokens and in messages.

`make smollm` installs both; `make test-real` runs these tests.
"""

import asyncio
import io
import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.real import llama_program

from mirrormatch import games
from mirrormatch.agents.engines._answer_regex import answer_regex, list_choices
from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.agents.engines._token_engine import load_tokenizer
from mirrormatch.agents.engines._types import ChatReply, Completion, Sampling
from mirrormatch.agents.engines.openai import connect
from mirrormatch.agents.engines.openai.chat_server import ChatServer
from mirrormatch.agents.engines.openai.llama_server import LlamaServer
from mirrormatch.agents.models import find_model
from mirrormatch.cli import main
from mirrormatch.errors import UserError
from mirrormatch.games.types import CHANCE
from mirrormatch.prompts.prompt import Message

pytestmark = pytest.mark.real_model

QUESTION = (Message("system", "You play."), Message("user", "Say <|im_end|> a number.\n\n x|_|y 12"))
PLAIN = "prompt=plain,thinking=no,max_tokens=12"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with llama_program.serve(find_model("smollm")) as found:
        yield found


@pytest.fixture(scope="module")
def llama(url: str) -> Iterator[LlamaServer]:
    engine = connect(f"smollm@{url}")
    assert isinstance(engine, LlamaServer)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def chat(url: str) -> Iterator[ChatServer]:
    engine = connect(f"smollm@{url}", (("mode", "chat"),))
    assert isinstance(engine, ChatServer)
    yield engine
    engine.close()


def generate(engine: LlamaServer, sampling: Sampling, seed: int = 3) -> Completion:
    return asyncio.run(engine.generate(engine.encode(QUESTION), sampling, seed=seed))


def test_prompts_have_the_tokens_of_the_model_s_own_tokenizer(llama: LlamaServer) -> None:
    encoder = ChatEncoder(load_tokenizer(str(find_model("smollm"))))
    conversation = (Message("user", "a b"), Message("assistant", "b", (82, 2)), Message("user", "<s> é😀"))
    blank = (Message("user", "  <file_sep> a ||||\n"), Message("assistant", " b "), Message("user", "\n\n c"))
    assert llama.end_ids == encoder.end_ids
    for messages in (QUESTION, conversation, conversation[:1], blank):
        assert llama.encode(messages) == encoder.encode(messages)
    assert llama.complete("</think>\n") == encoder.complete("</think>\n")


def test_equal_seeds_give_equal_tokens_and_others_do_not(llama: LlamaServer) -> None:
    first, second, other = (generate(llama, Sampling(max_tokens=24), seed) for seed in (3, 3, 4))
    assert first == second and first.token_ids != other.token_ids


def test_log_probs_are_those_of_the_scored_tokens(llama: LlamaServer) -> None:
    found = generate(llama, Sampling(max_tokens=12))
    scored = asyncio.run(llama.logprobs(llama.encode(QUESTION), found.token_ids))
    assert found.logprobs == pytest.approx(scored, abs=0.05)  # batches of different sizes are rounded differently


def test_probabilities_of_the_next_token_sum_to_one(llama: LlamaServer) -> None:
    """No filter is left on: the scores of many tokens are parts of one distribution."""
    prompt = llama.encode(QUESTION)
    scores = [asyncio.run(llama.logprobs(prompt, (token,)))[0] for token in (33, 49, 504, 2, 198)]
    found = generate(llama, Sampling(max_tokens=1, temperature=0))
    assert math.fsum(map(math.exp, scores)) < 1 and found.logprobs[0] >= max(scores) - 0.05


def test_a_character_in_several_tokens_keeps_its_ids_and_log_probs(llama: LlamaServer) -> None:
    """llama.cpp leaves parts of characters out of its streams, and their probabilities out of every answer."""
    found = generate(llama, Sampling(max_tokens=24, constraint="(😀é)"))
    assert found.text == "😀é" and found.finish == "stop" and found.token_ids[-1] in llama.end_ids
    assert len(found.logprobs) == len(found.token_ids) and all(p < 0 for p in found.logprobs)


def test_an_answer_is_held_to_the_legal_moves(llama: LlamaServer) -> None:
    constraint = answer_regex("\\boxed{", list_choices(("bet", "check", "5-6 |a]")), "}")
    for seed in range(4):
        found = generate(llama, Sampling(max_tokens=60, constraint=constraint), seed)
        assert found.finish == "stop" and found.text in ("\\boxed{bet}", "\\boxed{check}", "\\boxed{5-6 |a]}")


@pytest.mark.parametrize("name", ["simple_negotiation", "countdown", "twenty_questions"])
def test_a_free_answer_is_held_to_the_form_of_its_game(llama: LlamaServer, name: str) -> None:
    game = games.get(name)
    state = game.start()
    while game.to_act(state) == CHANCE:
        state = game.apply(state, game.chance(state)[0][0])
    form = game.form(game.view(state, game.to_act(state)))
    for seed in range(3):
        found = generate(llama, Sampling(max_tokens=200, constraint=form), seed)
        assert found.finish == "stop" and re.fullmatch(form, found.text)


def test_a_stop_string_ends_the_reply_and_is_part_of_it(llama: LlamaServer) -> None:
    free = generate(llama, Sampling(max_tokens=24, temperature=0))
    word = free.text.split()[2]
    stopped = generate(llama, Sampling(max_tokens=24, temperature=0, stop=(word,)))
    assert stopped.finish == "stop" and stopped.text.endswith(word) and free.text.startswith(stopped.text)
    assert len(stopped.token_ids) == len(stopped.logprobs) < len(free.token_ids)


def test_a_prompt_that_fills_the_context_is_a_truncated_reply(llama: LlamaServer) -> None:
    assert asyncio.run(llama.generate((198,) * llama_program.CONTEXT, Sampling())).finish == "length"


def test_a_streamed_completion_equals_a_whole_one(url: str, llama: LlamaServer) -> None:
    whole = connect(f"smollm@{url}", (("stream", "no"),))
    assert isinstance(whole, LlamaServer)
    shown = list[str]()
    llama.on_text = shown.append
    sampling = Sampling(max_tokens=16, temperature=0)
    first, second = generate(llama, sampling), generate(whole, sampling)
    llama.on_text = None
    whole.close()
    assert first.token_ids == second.token_ids and "".join(shown) == first.text


def test_more_requests_than_slots_are_queued_without_a_repetition(chat: ChatServer) -> None:
    async def ask_all() -> list[ChatReply]:
        return await asyncio.gather(*(chat.chat(QUESTION, Sampling(max_tokens=8), seed=k) for k in range(12)))

    replies = asyncio.run(ask_all())
    assert len(replies) == 12 and chat.usage.retries == 0 and chat.usage.completion_tokens > 12


def test_a_long_reply_outlives_the_time_outs(url: str) -> None:
    engine = connect(f"smollm@{url}", (("mode", "chat"), ("timeout_s", "1.5"), ("deadline_s", "1.5")))
    assert isinstance(engine, ChatServer)
    began = time.monotonic()
    story = [Message("user", "Tell me a very long story about a fox.")]
    reply = asyncio.run(engine.chat(story, Sampling(max_tokens=400), seed=1))
    assert reply.text and engine.usage.retries == 0
    assert time.monotonic() - began > 1.5 or engine.usage.completion_tokens < 400
    engine.close()


def test_adapters_and_training_are_refused_in_one_line(llama: LlamaServer) -> None:
    with pytest.raises(UserError, match="loads adapters in its own format"):
        llama.load(Path("somewhere"))
    assert llama.base is None


@pytest.mark.parametrize("setting", ["constrain=yes", "mode=chat"])
def test_a_match_is_played(url: str, capsys: pytest.CaptureFixture[str], setting: str) -> None:
    spec = f"openai:smollm@{url},{PLAIN},{setting}"
    assert main(["match", "kuhn_poker", spec, "random", "--episodes", "10", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    (own,) = (agent for agent in scores["agents"] if agent["spec"] == spec)
    assert scores["episodes"] == 10 and own["episodes"] == 10
    if setting == "constrain=yes":
        assert (own["illegal"]["value"], own["truncated"]["value"]) == (0, 0)


def test_exploitability_is_measured(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "exploitability", f"openai:smollm@{url},{PLAIN}", "--thoughts", "1", "--json"]) == 0
    assert "mass" in capsys.readouterr().out


def test_transfer_is_measured(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["eval", "transfer", f"openai:smollm@{url},{PLAIN}", "--benchmarks", "arithmetic", "--items", "3", "--json"]
    assert main(words) == 0
    assert "accuracy/overall" in capsys.readouterr().out


def test_a_person_plays_against_it(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("check\nfold\n" * 4))
    opponent = f"openai:smollm@{url},{PLAIN},constrain=yes"
    assert main(["play", "kuhn_poker", "--opponent", opponent, "--plain", "--seed", "1"]) == 0
    assert "win" in capsys.readouterr().out
