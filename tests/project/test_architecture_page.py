"""The page on architecture names files and definitions that exist."""

import ast
import re
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

import pytest
from tests.paths import ROOT

from mirrormatch.agents.engines._engine import Engine
from mirrormatch.games import Game
from mirrormatch.prompts import Prompt

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| `([\w/.]+\.py)` \| `(\w+)` \|$", PAGE, re.MULTILINE)


class Place(NamedTuple):
    question: str
    file: str
    definition: str


@pytest.mark.parametrize("place", [Place(*row) for row in ROWS], ids=lambda place: place.question)
def test_the_file_holds_the_definition(place: Place) -> None:
    tree = ast.parse((ROOT / place.file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert place.definition in {node.name for node in tree.body if isinstance(node, kinds)}


def test_the_page_answers_many_questions() -> None:
    assert len(ROWS) >= 30
    assert len({question for question, *_ in ROWS}) == len(ROWS)


def test_the_drawing_is_a_picture_without_other_hosts() -> None:
    text = (ROOT / "docs" / "pipeline.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert re.findall(r"https?://[^\"' )]+", text) == ["http://www.w3.org/2000/svg"]


def test_the_drawing_names_files_that_exist() -> None:
    text = (ROOT / "docs" / "pipeline.svg").read_text(encoding="utf-8")
    named = re.findall(r">((?:games|prompts|agents|training|evals)/[\w/.]*)", text)
    assert named and [name for name in named if not (ROOT / name).exists()] == []


def test_the_drawing_names_methods_that_exist() -> None:
    text = (ROOT / "docs" / "pipeline.svg").read_text(encoding="utf-8")
    interfaces = {"game": Game, "prompt": Prompt, "engine": Engine}
    named = re.findall(rf"\b({'|'.join(interfaces)})\.(\w+)", text)
    assert len(named) == 7 and [name for name in named if not hasattr(interfaces[name[0]], name[1])] == []
