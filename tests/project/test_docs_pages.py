"""The documentation's code runs, its output is what the page shows, and its generated parts are up to date."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.paths import ROOT, import_script
from tests.project.pages import RUNNABLE, PageRunner, read_blocks

DOCS = ROOT / "docs"
ADDING = sorted(DOCS.glob("adding-*.md"))
PAGES = [*ADDING, *(DOCS / f"{name}.md" for name in ("index", "getting-started", "file-formats", "troubleshooting"))]
FRONT_DOORS = ("games", "prompts", "agents", "training", "evals")
SOURCES = [ROOT / "Makefile", *(path for folder in (*FRONT_DOORS, "src") for path in (ROOT / folder).rglob("*.py"))]
MAX_NOT_RUN = 0.15
BLOCKS = [block for page in PAGES for block in read_blocks(page.read_text(encoding="utf-8"))]


@pytest.fixture
def runner(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageRunner]:
    made = PageRunner(request.param, tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("runner", PAGES, ids=lambda path: path.stem, indirect=True)
def test_the_code_of_the_page_runs(runner: PageRunner) -> None:
    runner.run()


def test_nearly_every_block_runs() -> None:
    runnable = [block for block in BLOCKS if block.language in RUNNABLE]
    not_run = [block for block in runnable if block.marker == "not run"]
    assert len(not_run) <= MAX_NOT_RUN * len(runnable), f"{len(not_run)} of {len(runnable)}"


def test_every_plug_in_kind_has_its_page() -> None:
    assert [p.stem for p in ADDING] == [
        f"adding-{kind}"
        for kind in ("a-benchmark", "a-game", "a-prompt-format", "an-agent", "an-engine", "an-estimator")
    ]


def test_a_whole_game_has_under_60_lines_of_code() -> None:
    first = next(b for b in read_blocks((DOCS / "adding-a-game.md").read_text()) if b.language == "python")
    assert len([line for line in first.code.splitlines() if line.strip()]) < 60


def test_the_configuration_reference_is_up_to_date() -> None:
    page = import_script("docs/generate/configuration.py").make_page()
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == page, "out of date: make docs"


def test_every_quoted_error_exists() -> None:
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^### `([^`]+)`$", page, re.MULTILINE)
    sources = [path for path in SOURCES if path.is_file()]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    assert len(quoted) > 10
    assert [words for words in quoted if words not in re.sub(r'"\n\s*f?"', "", texts)] == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "AGENTS.md", ".github/workflows/ci.yml"])
def test_every_make_target_exists(page: str) -> None:
    named = set(re.findall(r"(?:`|run: )make ([\w-]+)", (ROOT / page).read_text(encoding="utf-8")))
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert named and named <= targets


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "AGENTS.md"])
def test_every_path_exists(page: str) -> None:
    named = re.findall(r"[`(]((?:\w+/)+[\w.]*)[`)]", (ROOT / page).read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("front_door", FRONT_DOORS)
def test_every_public_name_has_a_reference(front_door: str) -> None:
    module = importlib.import_module(f"mirrormatch.{front_door}")
    page = (DOCS / "api" / f"{front_door}.md").read_text(encoding="utf-8")
    assert [name for name in module.__all__ if not re.search(rf"\b{name}\b", page)] == []


def list_reference_targets() -> list[str]:
    pages = [path.read_text(encoding="utf-8") for path in sorted((DOCS / "api").glob("*.md"))]
    return [target for page in pages for target in re.findall(r"^::: (\S+)$", page, re.MULTILINE)]


@pytest.mark.parametrize("target", list_reference_targets())
def test_the_reference_names_what_exists(target: str) -> None:
    assert pkgutil.resolve_name(target).__doc__


def test_the_site_lists_every_page() -> None:
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert [page for page in pages if page not in listed] == []


def test_the_time_budget_is_that_of_the_script() -> None:
    script_steps = re.findall(
        r'^step "([^"]+)" (\d+) ', (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE
    )
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| ([^|]+) \| (\d+) min \|$", page, re.MULTILINE) == script_steps
