"""Slow servers that queue requests: fewer at once, no time-out for waiting in a queue, no request sent twice."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.agents.engines.openai import faulty_server
from tests.agents.engines.openai.clients import QUESTION, chat_server
from tests.agents.engines.openai.faulty_server import FaultyServer, error_answer

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.engines._types import ChatReply, Sampling
from mirrormatch.agents.engines.openai import gate
from mirrormatch.agents.engines.openai.chat_server import ChatServer
from mirrormatch.agents.engines.openai.gate import FEWEST, START, Gate
from mirrormatch.agents.episodes import read_episodes
from mirrormatch.cli import main

pytestmark = pytest.mark.slow

REPLY_S = 0.1  # of a slow server
MATCH_REPLY_S = 0.25  # of the slow server of a whole match: 2 s, scaled down as far as a busy machine allows
NUM_GAMES = 20
NUM_SIMULATED = 400


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "SHORT_WAIT_S", REPLY_S / 2)


@pytest.fixture
def slow(scaled: None) -> Iterator[FaultyServer]:
    """A server that answers one request at a time."""
    with FaultyServer(reply_s=REPLY_S) as server:
        yield server


def ask_many(engine: ChatServer, num: int) -> list[ChatReply]:
    async def ask_all() -> list[ChatReply]:
        return await asyncio.gather(*(engine.chat(QUESTION, Sampling(), seed=k) for k in range(num)))

    return asyncio.run(ask_all())


@pytest.mark.slow
@pytest.mark.parametrize("streams", [True, False])
def test_a_match_over_a_server_with_a_queue_ends_with_its_result(
    scaled: None, capsys: pytest.CaptureFixture[str], streams: bool
) -> None:
    with FaultyServer(reply_s=MATCH_REPLY_S, streams=streams) as server:
        spec = f"openai:{faulty_server.MODEL}@{server.url},timeout_s={4 * MATCH_REPLY_S:g}"
        assert main(["match", "kuhn_poker", spec, "random", "--episodes", str(NUM_GAMES), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == NUM_GAMES
    sent = [json.dumps(asked.body) for asked in server.posts]
    assert len(set(sent)) == len(sent) and max(server.waiting_at[11:]) <= 4  # the first answer is the list of models


def test_the_time_in_a_queue_is_no_silence(slow: FaultyServer, engines: list[Engine]) -> None:
    """The last of the first requests waits three times as long as `timeout_s` and `deadline_s` allow."""
    limit = f"{START * REPLY_S / 3:g}"
    engine = chat_server(slow, engines, timeout_s=limit, deadline_s=limit)
    assert len(ask_many(engine, START)) == START and engine.usage.retries == 0


def test_a_server_that_falls_silent_is_given_up(slow: FaultyServer, engines: list[Engine]) -> None:
    slow.faults += [None, None, faulty_server.silence]
    slow.always = faulty_server.silence
    engine = chat_server(slow, engines, timeout_s="0.3", deadline_s="0.5")
    with pytest.raises(Exception, match="gave no reply in deadline_s"):
        ask_many(engine, 6)
    assert engine.usage.requests == 2


def test_a_server_that_answers_many_at_once_is_sent_many(engines: list[Engine]) -> None:
    async def answer_late(asked: Any, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(REPLY_S)
        await faulty_server.json_answer(faulty_server.chat_body("a"))(asked, writer)

    with FaultyServer(always=answer_late) as server:
        ask_many(chat_server(server, engines), 100)
    assert server.max_at_once >= 4 * START


def test_games_end_one_after_the_other(slow: FaultyServer, tmp_path: Path) -> None:
    """A game that has begun goes on before the next one begins, so most are finished when the server gives up."""
    path = tmp_path / "episodes.jsonl"
    slow.faults += [None] * 20
    slow.always = error_answer(403, "no more")
    spec = f"openai:{faulty_server.MODEL}@{slow.url}"
    words = ["match", "kuhn_poker", spec, f"{spec},temperature=0", "--episodes", "40", "--save", str(path)]
    assert main(words) == 2
    assert len(list(read_episodes(path))) >= 6


@pytest.mark.parametrize("saves", [True, False])
def test_finished_games_are_kept_when_a_server_gives_up(
    slow: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], saves: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    slow.faults += [None] * 12
    slow.always = faulty_server.silence
    spec = f"openai:{faulty_server.MODEL}@{slow.url},timeout_s=0.5,deadline_s=0.5"
    words = ["match", "kuhn_poker", spec, "random", "--episodes", "40"]
    assert main([*words, "--save", "games.jsonl"] if saves else words) == 2
    path = "games.jsonl" if saves else "unfinished-kuhn-poker-1.jsonl"
    kept = list(read_episodes(tmp_path / path))
    assert len(kept) >= 8 and all(e.forfeited_by is None for e in kept)
    last = capsys.readouterr().err.splitlines()[-1]
    assert "gave no reply in deadline_s=0.5 seconds" in last
    assert last.endswith(f"; the {len(kept)} finished episodes are in '{path}'")


def test_finished_matches_are_printed_when_a_server_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with FaultyServer() as server:
        spec = f"openai:{faulty_server.MODEL}@{server.url}"
        server.faults += [None] * 30
        server.always = error_answer(403, "no more")
        words = ["eval", "games", spec, "--games", "kuhn_poker", "tictactoe", "--episodes", "10", "--json"]
        assert main(words) == 2
    assert [m["game"] for m in json.loads(capsys.readouterr().out)["matches"]] == ["kuhn_poker", "kuhn_poker"]


def test_the_limit_falls_while_replies_queue_and_rises_when_they_do_not() -> None:
    limits = {slots: simulate(slots) for slots in (1, 4, 16)}
    assert limits[1] == FEWEST
    assert 4 <= limits[4] <= 8 and 16 <= limits[16] <= 32


def test_replies_that_overtake_each_other_are_in_no_queue() -> None:
    """A model that thinks for 5 to 50 seconds before the first part of its reply."""
    assert simulate(slots=64, waits_s=[5.0 + 45 * (k * 7 % 10) / 10 for k in range(10)]) == 64


def simulate(slots: int, waits_s: list[float] | None = None) -> int:
    """The limit after 400 requests to a server with so many slots, with a clock of its own."""
    loop = asyncio.new_event_loop()
    passage = Gate(64)
    waits = itertools.cycle(waits_s or [2.0])
    jobs = list[tuple[float, int, gate.Visit]]()  # (end, number, visit), in the server
    queue = list[tuple[int, gate.Visit]]()
    now, num = 0.0, 0
    try:
        while num < NUM_SIMULATED:
            while len(passage._inside) < passage.limit:
                visit = gate.Visit()
                passage._inside.append(visit)
                passage.send(visit, now)
                queue.append((num, visit))
                num += 1
            while queue and len(jobs) < slots:
                number, visit = queue.pop(0)
                jobs.append((now + next(waits), number, visit))
            now, _, visit = jobs.pop(jobs.index(min(jobs)))
            passage._queue = [loop.create_future()]
            passage.end(visit, now)
            passage._queue = []
            passage._inside.remove(visit)
    finally:
        loop.close()
    return passage.limit
