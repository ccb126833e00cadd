"""docs/engines.md lists what was tried: every architecture, initialisation and template, without a failure."""

import re

import pytest
from tests.agents.engines.architectures import ARCHITECTURES, REFUSED
from tests.agents.engines.hf.test_adapter_kinds import initialisations
from tests.agents.engines.template_tokenizers import SENTENCEPIECE, trl_templates
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")
TRIED = PAGE.partition("<!-- tried: begin -->")[2].partition("<!-- tried: end -->")[0]


@pytest.mark.parametrize("name", [name for name, _ in {**ARCHITECTURES, **REFUSED}.values()])
def test_every_architecture_has_a_row(name: str) -> None:
    assert f"| {name} |" in TRIED, "make docs"


@pytest.mark.parametrize("init", initialisations())
def test_every_initialisation_has_a_row(init: object) -> None:
    assert f"`init_lora_weights={init!r}`" in TRIED, "make docs"


@pytest.mark.parametrize("name", sorted(trl_templates() | SENTENCEPIECE))
def test_every_template_has_a_row(name: str) -> None:
    assert f"| `{name}` |" in TRIED, "make docs"


def test_no_row_is_a_failure() -> None:
    assert not re.search(r"CHANGE|DIFFERS|Traceback", TRIED)


def test_the_tests_that_rows_name_exist() -> None:
    named = re.findall(r"`(tests/[^`]+)`", TRIED)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_no_held_answer_is_illegal_or_cut_off() -> None:
    rows = re.findall(r"^\| .* \| `(?:kuhn_poker|tictactoe)` \| 50 \| \d+ \| (\d+) \| (\d+) \|$", TRIED, re.MULTILINE)
    assert rows == [("0", "0")] * 6
