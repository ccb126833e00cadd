"""Counts the words that plain technical English avoids, in all prose that is written by hand.

    python tests/project/prose.py              the rate of each word per 10,000, and every place
    python tests/project/prose.py --draw 40    that many docstrings, drawn with a fixed seed, to read them

Left out, because models were trained on it or because it is a record: game texts, prompts, `docs/games`, `docs/log.md`,
`docs/decisions` and golden transcripts.
"""

import argparse
import ast
import io
import random
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
WORDS = ("told", "stands", "said", "nobody", "whatever", "tells", "whoever", "somebody", "anew", "so that")
MAX_RATE = 1.0  # per 10,000 words, of each
LEFT_OUT = (
    "docs/games/", "docs/log.md", "docs/decisions/", "docs/openspiel.md", "docs/textarena.md", "tests/games/golden/",
)  # fmt: skip
SEED = 0


class Passage(NamedTuple):
    """A piece of prose and where it begins."""

    path: Path
    line: int
    kind: str  # "docstring", "comment", "message" or "page"
    text: str


def passages() -> Iterator[Passage]:
    """Everything that is written by hand."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        path = ROOT / name
        if not path.is_file() or path.is_symlink() or name.startswith(LEFT_OUT):
            continue
        if name.endswith(".md"):
            yield from _page(path)
        elif name.endswith((".toml", "Makefile", ".sh")) or name == ".ci/run":
            yield from _hash_comments(path)
        elif name.endswith(".py"):
            yield from _python(path)


def _page(path: Path) -> Iterator[Passage]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        yield Passage(path, number, "page", line)


def _hash_comments(path: Path) -> Iterator[Passage]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if "#" in line:
            yield Passage(path, number, "comment", line.partition("#")[2])


def _python(path: Path) -> Iterator[Passage]:
    text = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Passage(path, token.start[0], "comment", token.string)
    tree = ast.parse(text)
    shown = _shown_to_players(tree) if path.is_relative_to(ROOT / "games") else set()
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                docstrings.add(id(first.value))
                if id(node) not in shown:
                    yield Passage(path, first.lineno, "docstring", first.value.value)
    if path.is_relative_to(ROOT / "tests"):
        return  # the strings of a test are data
    for node in _messages(tree, in_games=path.is_relative_to(ROOT / "games"), docstrings=docstrings):
        yield Passage(path, node.lineno, "message", str(node.value))


def _shown_to_players(tree: ast.Module) -> set[int]:
    """The classes of games: their docstrings are the pages in `docs/games`."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {
        id(node)
        for node in classes
        if any(ast.unparse(base).startswith(("Game[", "RepeatedGame")) for base in node.bases)
    }


def _messages(tree: ast.Module, in_games: bool, docstrings: set[int]) -> Iterator[ast.Constant]:
    """String literals that users read. In games these are only the ones of errors: the rest is text of the game."""
    roots: list[ast.AST] = [n for n in ast.walk(tree) if isinstance(n, ast.Raise | ast.Assert)] if in_games else [tree]
    for root in roots:
        for node in ast.walk(root):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                if " " in node.value:
                    yield node


def count_word(word: str, text: str) -> int:
    """How often a text holds the word."""
    return len(re.findall(rf"\b{word}\b", " ".join(text.split()), re.IGNORECASE))


def measure_rates() -> dict[str, float]:
    """How often each word comes up in 10,000."""
    everything = list(passages())
    num_words = sum(len(re.findall(r"[A-Za-z']+", p.text)) for p in everything)
    return {word: 1e4 * sum(count_word(word, p.text) for p in everything) / num_words for word in WORDS}


def main() -> None:
    """Prints the rates and the places, or docstrings to read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", type=int, metavar="N", help="print N docstrings instead")
    parser.add_argument("folders", nargs="*", help="places in these folders only")
    options = parser.parse_args()
    if options.draw:
        docstrings = [p for p in passages() if p.kind == "docstring"]
        for p in random.Random(SEED).sample(docstrings, options.draw):
            print(f"{p.path.relative_to(ROOT)}:{p.line}\n    {p.text.strip()}\n")
        return
    for passage in passages():
        where = str(passage.path.relative_to(ROOT))
        if options.folders and not where.startswith(tuple(options.folders)):
            continue
        if words := [w for w in WORDS if count_word(w, passage.text)]:
            print(f"{where}:{passage.line}: {passage.kind}: {', '.join(words)}: {' '.join(passage.text.split())[:160]}")
    for word, rate in measure_rates().items():
        print(f"{word:10} {rate:5.2f}")


if __name__ == "__main__":
    main()
