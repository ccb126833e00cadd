"""Any answer of a server is parsed, an error of the server, or a broken answer."""

import asyncio
import itertools
import json
import math
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.agents.engines.openai.faulty_server import chat_body, reply_events
from tests.fuzz.strategies import damaged_bytes, damaged_json, texts

from mirrormatch.agents.engines.openai.answers import (
    Cards,
    ChatAnswer,
    ChatPiece,
    Meter,
    TokenAnswer,
    TokenPiece,
    Tokens,
    parse_answer,
)
from mirrormatch.agents.engines.openai.bodies import MalformedAnswer, read_body, read_events
from mirrormatch.agents.engines.openai.http import ErrorAnswer, extract_reason, parse_retry_after
from mirrormatch.agents.engines.openai.llama_server import Piece, Props

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_000)]

TOKENS = {
    "model": "m",
    "choices": [{"token_ids": [5], "logprobs": {"token_logprobs": [-0.5]}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}
DRAWN = {"id": 5, "logprob": -0.5, "top_logprobs": [{"id": 5, "prob": 0.5}]}
PIECE = {
    "content": "a",
    "tokens": [5],
    "completion_probabilities": [DRAWN],
    "stop_type": "eos",
    "timings": {"cache_n": 1},
}
PARSED: list[tuple[type[BaseModel], list[object]]] = [
    (ChatAnswer, [chat_body("Four."), chat_body([{"text": "a"}]), {"error": {"code": 503, "message": "overloaded"}}]),
    (ChatPiece, list(reply_events("Four"))[:3]),
    (TokenAnswer, [TOKENS]),
    (TokenPiece, [TOKENS]),
    (Cards, [{"data": [{"id": "m", "root": "/m", "max_model_len": 8}]}, [{"id": "m"}]]),
    (Piece, [PIECE]),
    (Props, [{"default_generation_settings": {"n_ctx": 512}, "eos_token": "</s>"}]),
]


@pytest.mark.parametrize(("model", "samples"), PARSED, ids=[model.__name__ for model, _ in PARSED])
@given(data=st.data())
def test_any_answer_is_parsed_or_broken(model: type[BaseModel], samples: list[object], data: st.DataObject) -> None:
    raw = data.draw(damaged_json(samples))
    try:
        answer = parse_answer(raw, model)
    except MalformedAnswer as problem:
        assert str(problem)
        return
    except ErrorAnswer as error:
        assert error.status is None or 400 <= error.status < 600
        assert isinstance(extract_reason(error.raw), str)
        return
    if isinstance(counts := getattr(answer, "usage", None), Tokens):
        meter = Meter(price_in=1.0, price_out=1.0)
        meter.count_answer(counts)
        assert math.isfinite(meter.usage.cost) and meter.usage.cost >= 0


@given(damaged_json([{"error": {"message": "a", "metadata": {"raw": '{"message": "b"}'}}}, {"detail": [{"msg": "a"}]}]))
def test_the_reason_in_any_error_is_a_text(raw: bytes) -> None:
    assert isinstance(extract_reason(raw), str)


@given(texts("7", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Oct 99999 07:28:00 GMT", "1" * 400, "-1", "+9999"))
def test_any_demand_to_wait_is_a_finite_time(header: str) -> None:
    assert 0 <= parse_retry_after(header, 1e9) < math.inf


class Body(httpx.AsyncByteStream):
    """A body in given parts."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


def response(raw: bytes, cuts: list[int], encoding: str = "identity") -> httpx.Response:
    places = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    parts = [raw[a:b] for a, b in itertools.pairwise(places)]
    return httpx.Response(200, headers={"Content-Encoding": encoding}, stream=Body(parts))


async def collect(found: httpx.Response) -> list[str]:
    return [data async for data in read_events(found, lambda: None, 10)]


EVENT_BYTES = st.lists(
    st.sampled_from((b"data: ", b"data:", b"event: x", b": comment", b"\n", b"\r\n", b"\n\n", b'{"a": 1}', b"[DONE]"))
    | st.binary(max_size=4)
).map(b"".join)


@given(EVENT_BYTES, st.lists(st.integers(0, 1_000), max_size=8))
def test_a_stream_is_the_same_in_any_parts(raw: bytes, cuts: list[int]) -> None:
    assert asyncio.run(collect(response(raw, cuts))) == asyncio.run(collect(response(raw, [])))


@given(st.binary(max_size=200), st.lists(st.integers(0, 1_000), max_size=4), st.data())
def test_any_compressed_body_is_read_or_broken(raw: bytes, cuts: list[int], data: st.DataObject) -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(raw) + packer.flush()
    assert asyncio.run(read_body(response(packed, cuts, "gzip"))) == raw
    try:
        assert isinstance(asyncio.run(read_body(response(data.draw(damaged_bytes(packed)), cuts, "gzip"))), bytes)
    except MalformedAnswer as problem:
        assert "gzip" in str(problem)


@given(damaged_json([chat_body("Four.")]), st.integers(1, 50))
def test_of_any_body_no_more_than_the_limit_is_kept(raw: bytes, limit: int) -> None:
    assert asyncio.run(read_body(response(raw, [7, 9]), limit, cut=True)) == raw[:limit]
    if len(raw) > limit:
        with pytest.raises(MalformedAnswer, match="longer than"):
            asyncio.run(read_body(response(raw, [7, 9]), limit))
    assert json.dumps(chat_body("Four."))
