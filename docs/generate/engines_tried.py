# ruff: noqa: E402  # the tests, whose inputs are tried, are found once the root is on the path
"""Tries templates, tokenizers, architectures and adapters, and writes their results into docs/engines.md.

The small inputs are those of the tests. Run `python docs/generate/engines_tried.py docs/engines.md`: half a minute, and
minutes more where SmolLM2 is installed; no network. Servers are tried by the tests that their rows name.
"""

import asyncio
import functools
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1")
ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # last: the root folders must not hide other packages

from peft import PeftType
from tests.agents.engines.architectures import ARCHITECTURES, REFUSED, save_architecture
from tests.agents.engines.hf import test_adapter_kinds as adapters
from tests.agents.engines.hf.test_architectures import PROMPTS, ROUNDING, generate, plain_logprobs
from tests.agents.engines.template_tokenizers import (
    LLAMA_2,
    SENTENCEPIECE,
    byte_level_tokenizer,
    sentencepiece_tokenizer,
    trl_templates,
)
from tests.agents.engines.tiny_model import save_adapter, save_model, spaced_tokenizer
from tokenizers import AddedToken

from mirrormatch import games
from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.models import SMOLLM, find_model
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.spec import model_agent
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game
from mirrormatch.games.types import ProblemKind
from mirrormatch.prompts.prompt import Message
from mirrormatch.training.bundled.tokenizer import CHAT_TEMPLATE

BEGIN, END = "<!-- tried: begin -->", "<!-- tried: end -->"
TEXT = "The board:\n 1 | 2\n\tX"  # line breaks, a tab and doubled blanks, which ordinary added tokens may swallow
NUM_HELD = 50  # games of each model and game
HELD_COLUMNS = ("model", "game", "games", "replies", "illegal", "truncated")
_SMOLLM = "SmolLM2-135M-Instruct"
TESTS = "tests/agents/engines/openai/"


class Served(NamedTuple):
    """A kind of server, its result, and the test that shows it."""

    server: str
    result: str
    test: str


SERVERS = (
    Served("vLLM", "token ids, log-probs, adapters, training", "tests/vllm/test_server.py"),
    Served("vLLM on another machine", "messages", f"{TESTS}test_connecting.py"),
    Served("llama.cpp (in a Python process, SmolLM2)", "token ids, log-probs, held answers", "tests/real"),
    Served("llama.cpp: no system role, plain turn markers, no template", "the local tokenizer's ids", "tests/real"),
    Served("vLLM in process: SmolLM2's GGUF file", "log-probs of transformers", "tests/vllm/test_vllm_smollm.py"),
    Served("Ollama: `llama3.2` for `llama3.2:latest`", "plays: any name is tried", f"{TESTS}test_connecting.py"),
    Served("no list of models, or a bare list", "plays", f"{TESTS}test_connecting.py"),
    Served("a URL without `/v1` (LM Studio)", "one line with the right URL", f"{TESTS}test_connecting.py"),
    Served("SGLang: a card, but no token ids", "messages", f"{TESTS}test_vllm_server.py"),
    Served("one request at a time, 2 s each", "the match adapts and ends with its result", f"{TESTS}test_queues.py"),
    Served("errors inside a 200 (OpenRouter)", "waited for, or shown in its words", f"{TESTS}test_error_answers.py"),
    Served("no system role (400 or 500)", "rules at the head of the first user message", f"{TESTS}test_system_role.py"),
    Served("drops, 429, 5xx, time-outs, bad keys", "repeated to the deadline, or one line", f"{TESTS}test_outages.py"),
)  # fmt: skip


def make_section(page: str) -> str:
    """The tables in Markdown, between the markers; `page` holds those of the last time."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT's and transformers'
        parts = [
            *make_table("Chat templates", ("template", "rules", "next turn"), try_templates()),
            *make_table("Tokenizers", ("kind", "ordinary text"), try_tokenizers()),
            *make_table("Architectures", ("architecture", "result"), try_architectures(Path(folder))),
            *make_table("Adapters", ("adapter", "result"), try_adapters(Path(folder))),
            *make_table("Held answers", HELD_COLUMNS, try_held(Path(folder), page)),
            *make_table("Servers", ("server", "result", "test"), list_servers()),
        ]
    return "\n".join([BEGIN, "", *parts, END])


def make_table(title: str, columns: Sequence[str], rows: Iterator[Sequence[str]]) -> list[str]:
    """A heading and a table, as lines."""
    lines = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    head = [f"### {title}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return [*head, *(f"| {line} |" for line in lines), ""]


def list_servers() -> Iterator[tuple[str, str, str]]:
    """The kinds of servers, with the tests that show the results."""
    for row in SERVERS:
        yield row.server, row.result, f"`{row.test}`"


def try_templates() -> Iterator[tuple[str, str, str]]:
    """Templates that TRL ships and those of older models: the place of the rules, and how the next turn follows."""
    found = {name: byte_level_tokenizer(template) for name, template in trl_templates().items()}
    found |= {name: sentencepiece_tokenizer(template) for name, template in SENTENCEPIECE.items()}
    for name, tokenizer in sorted(found.items()):
        try:
            yield f"`{name}`", *_try_template(ChatEncoder(tokenizer))
        except UserError as problem:
            yield f"`{name}`", f"one line: {_shorten(problem)}", ""


def _try_template(encoder: ChatEncoder) -> tuple[str, str]:
    asked = [Message("system", "RULES"), Message("user", "FIRST")]
    ids = encoder.encode(asked)
    reply = (*encoder.plain_ids("4"), min(encoder.end_ids))
    after = encoder.encode([*asked, Message("assistant", "4", reply), Message("user", "SECOND")])
    is_same = encoder.decode(ids) == encoder.decode(encoder.encode([Message("user", "RULES\n\nFIRST")]))
    extends = after[: len(ids) + len(reply)] == (*ids, *reply)
    return (
        "at the head of the first user message" if is_same else "in the template's own place",
        "extends the ids" if extends else "is a row of its own",
    )


def try_tokenizers() -> Iterator[tuple[str, str]]:
    """Kinds of tokenizers, and whether a message comes back unchanged."""
    ordinary = tuple(AddedToken(text, normalized=False, special=False) for text in ("\n", "\t", "  "))
    kinds: dict[str, Callable[[], Any]] = {
        "byte-level BPE (Llama 3, Qwen)": lambda: byte_level_tokenizer(CHAT_TEMPLATE),
        "added tokens that are ordinary text (Gemma)": lambda: byte_level_tokenizer(CHAT_TEMPLATE, ordinary),
        "SentencePiece with bytes, a blank before every text (Llama 2)": lambda: sentencepiece_tokenizer(LLAMA_2),
        "SentencePiece with bytes, a blank before a prompt": lambda: sentencepiece_tokenizer(LLAMA_2, "first"),
        "Metaspace, a blank before every text": lambda: spaced_tokenizer("always"),
        "Metaspace, a blank before a prompt": lambda: spaced_tokenizer("first"),
        "Metaspace, no blank": lambda: spaced_tokenizer("never"),
    }  # fmt: skip
    for name, make in kinds.items():
        encoder = ChatEncoder(make())
        text = TEXT if not name.startswith("Metaspace") else "hello a b"  # no bytes for other characters
        is_kept = text in encoder.decode(encoder.encode([Message("user", text)]))
        yield name, "unchanged" if is_kept else "CHANGED"


def try_architectures(folder: Path) -> Iterator[tuple[str, str]]:
    """Every architecture of the tests: its log-probs against a plain forward pass, or its refusal."""
    for kind, (name, _) in {**ARCHITECTURES, **REFUSED}.items():
        try:
            engine = TransformersEngine(str(save_architecture(folder / kind, kind)))
        except UserError as problem:
            yield name, f"one line: {_shorten(problem)}"
            continue
        gaps = [
            abs(a - b)
            for prompt, completion in zip(PROMPTS, generate(engine), strict=True)
            for a, b in zip(
                completion.logprobs, plain_logprobs(engine.model, prompt, completion.token_ids), strict=True
            )
        ]
        yield name, "plays, with the log-probs of a plain forward pass" if max(gaps) < ROUNDING else "DIFFERS"


def try_adapters(folder: Path) -> Iterator[tuple[str, str]]:
    """Every initialisation and setting of LoRA, and every other kind of adapter that the installed PEFT has."""
    engine = TransformersEngine(str(save_model(folder / "base")))
    other = engine.load(save_adapter(folder / "other", seed=1))
    before = adapters.score(engine), adapters.score(engine, other)

    def load(path: Path) -> str:
        try:
            engine.load(path)
        except UserError as problem:
            return f"one line: {_shorten(problem)}"
        same = (adapters.score(engine), adapters.score(engine, other)) == before
        return "loads; base and other adapters unchanged" if same else "CHANGES THE BASE"

    for name, settings in adapters.LOADED.items():
        yield f"LoRA: {name}", load(adapters.save_lora(folder / name, **settings))
    for init in adapters.initialisations():
        path = adapters.change_settings(adapters.save_lora(folder / f"init {init}"), init_lora_weights=init)
        yield f"LoRA: `init_lora_weights={init!r}`", load(path)
    for name, settings in adapters.REFUSED.items():
        yield f"LoRA: `{name}`", load(adapters.change_settings(adapters.save_lora(folder / name), **settings))
    kinds = ", ".join(sorted(kind.value for kind in PeftType if kind is not PeftType.LORA))
    yield f"{kinds}", "one line: only LORA is supported"


def try_held(folder: Path, page: str) -> Iterator[Sequence[str]]:
    """Games of models that follow no format, with `constrain=yes`. SmolLM2's rows stay where it isn't installed."""
    shape, base = (save_model(folder / name) for name in ("shape", "no template"))
    (base / "chat_template.jinja").unlink()
    models = {"random weights, Qwen3's shape": f"hf:{shape}", "the same without a chat template": f"hf:{base}"}
    try:
        find_model(SMOLLM)
        models[_SMOLLM] = f"{SMOLLM},dtype=bfloat16"
        kept = []
    except UserError:
        kept = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(f"| {_SMOLLM} |")]
    for name, spec in models.items():
        agent = model_agent(f"{spec},constrain=yes,patience=0,max_tokens=16")
        for game_name in ("kuhn_poker", "tictactoe"):
            yield name, f"`{game_name}`", *_count_replies(games.get(game_name), agent)
    yield from kept


def _count_replies(game: Game[Any, Any], agent: LLMAgent) -> tuple[str, ...]:
    """Numbers of games and replies, and of illegal and truncated replies among them."""
    episodes = asyncio.run(run_all(functools.partial(play, game, [agent] * 2, seed) for seed in range(NUM_HELD)))
    turns = [turn for episode in episodes for turn in episode.turns]
    problems = [turn.problem.kind for turn in turns if turn.problem is not None]
    num_truncated = problems.count(ProblemKind.TRUNCATED)
    return tuple(map(str, (len(episodes), len(turns), len(problems) - num_truncated, num_truncated)))


def _shorten(problem: UserError) -> str:
    """An error without the path of the input."""
    return re.sub(r"^.*?(?:can't be loaded|from '[^']*'|the chat template of '[^']*')(?:: | )", "", str(problem))


def main(path: Path) -> None:
    """Replaces the section between the markers."""
    page = path.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(before + make_section(page) + after, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
