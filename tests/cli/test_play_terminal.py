"""`mirrormatch play` in a real terminal."""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest

from mirrormatch.agents.episodes import read_episodes

pytestmark = pytest.mark.slow

TIMEOUT_S = 20.0  # a loaded machine starts Python slowly
# Makes the pseudo-terminal the child's controlling one, which delivers Ctrl-C to it, and restores the default handler
# that a background job ignores.
LAUNCH = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.login_tty(int(sys.argv[1]))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b(?:\[[0-?]*)?\Z")  # complete ones, and an incomplete one at the end
CTRL_C, CTRL_D = "\x03", "\x04"
REMATCH = "[y/N] "
KUHN = ("play", "kuhn_poker", "--opponent", "random", "--seed", "3")


class Terminal:
    """A pseudo-terminal that runs the program as a person's terminal does."""

    def __init__(self, *words: str, columns: int = 80, env: dict[str, str] | None = None) -> None:
        self.seen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        inherited = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(theirs), "-m", "mirrormatch.cli", *words],
            pass_fds=(theirs,),
            env={**inherited, "TERM": "xterm-256color", "PYTHONUTF8": "1", **(env or {})},
        )
        os.close(theirs)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    @property
    def text(self) -> str:
        """The output so far, without escapes and carriage returns."""
        return ESCAPES.sub("", self.seen).replace("\r", "")

    def type(self, prompt: str, keys: str) -> None:
        """Waits for the prompt at the end of the output, types, and waits for more output."""
        self._wait_until(lambda: self.text.endswith(prompt), prompt)
        num_seen = len(self.text)
        os.write(self._ours, keys.encode())
        self._wait_until(lambda: len(self.text) > num_seen, f"an answer to {keys!r}")

    def answer(self, prompt: str, line: str) -> None:
        self.type(prompt, f"{line}\n")

    def exit_code(self) -> int:
        while self._read():
            pass
        return self._process.wait(TIMEOUT_S)

    def _wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            assert self._read() and time.monotonic() < deadline, f"{what!r} never came; there is:\n{self.text}"

    def _read(self) -> bool:
        """Waits for more output; returns whether there was any."""
        if not select.select([self._ours], [], [], TIMEOUT_S)[0]:
            return False
        try:
            chunk = os.read(self._ours, 65_536)
        except OSError:  # on Linux, the other side is closed
            return False
        self.seen += self._decoder.decode(chunk)
        return bool(chunk)


def test_a_game_is_played_to_its_end() -> None:
    with Terminal(*KUHN) as terminal:
        terminal.answer("first > ", "bet")
        terminal.answer(REMATCH, "n")
        assert terminal.exit_code() == 0
    assert "Kuhn poker with three cards" in terminal.text
    assert "Legal moves: bet, check" in terminal.text
    assert re.search(r"You (win|lose): [+-]\d", terminal.text)


def test_rules_and_title_are_shown_once() -> None:
    with Terminal(*KUHN) as terminal:
        terminal.answer("first > ", "bet")
        terminal.answer(REMATCH, "y")
        terminal.answer("second > ", CTRL_D)
    assert terminal.text.count("three cards, J < Q < K") == 1


def test_typos_are_forgiven_without_limit_and_explained_one_by_one() -> None:
    with Terminal(*KUHN) as terminal:
        terminal.answer("first > ", "raise")
        terminal.answer("first > ", "")
        terminal.answer("first > ", "bet or check")
        terminal.answer("first > ", "call")
        terminal.answer("first > ", "\x1b[31mfoo")
        terminal.answer("first > ", " BET. ")
        terminal.answer(REMATCH, "")
        assert terminal.exit_code() == 0
    for message in ("No move in 'raise'", "ames 2 moves: bet, check", "'call' is not allowed now", "No move in 'foo'"):
        assert message in terminal.text
    assert terminal.text.count("Your card is") == 3  # the first turn, and two views at the end


def test_a_question_mark_shows_the_rules_again() -> None:
    with Terminal(*KUHN) as terminal:
        terminal.answer("first > ", "?")
        terminal.type("first > ", CTRL_D)
        assert terminal.exit_code() == 0
    assert terminal.text.count("three cards, J < Q < K") == 2


def test_ctrl_d_leaves_with_one_line_and_code_0() -> None:
    with Terminal(*KUHN) as terminal:
        terminal.type("first > ", CTRL_D)
        assert terminal.exit_code() == 0
    assert terminal.text.endswith("first > \nYou left the game.\n")


def test_ctrl_c_leaves_with_one_line_and_code_130() -> None:
    with Terminal(*KUHN) as terminal:
        terminal.type("first > ", CTRL_C)
        assert terminal.exit_code() == 130
    assert terminal.text.endswith("first > ^C\nmirrormatch: interrupted\n")


def test_ctrl_d_at_the_rematch_is_a_no() -> None:
    with Terminal(*KUHN) as terminal:
        terminal.answer("first > ", "bet")
        terminal.type(REMATCH, CTRL_D)
        assert terminal.exit_code() == 0


def test_a_rematch_swaps_the_seats_on_the_same_deal(tmp_path: Path) -> None:
    path = tmp_path / "evening.jsonl"
    with Terminal(*KUHN, "--save", str(path)) as terminal:
        terminal.answer("first > ", "bet")
        terminal.answer(REMATCH, "y")
        terminal.answer("second > ", "pass")  # legal after either opening
        terminal.answer(REMATCH, "n")
        assert terminal.exit_code() == 0
    first, second = read_episodes(path)
    assert first.seats == ("human", "random") and second.seats == ("random", "human")
    assert first.deal == second.deal and first.seed == second.seed == 3


@pytest.mark.parametrize("extra", [(), ("--plain",)])
def test_nothing_is_wider_than_a_terminal_of_40_columns(extra: tuple[str, ...]) -> None:
    with Terminal(*KUHN, *extra, columns=40) as terminal:
        terminal.answer("first > ", "?")
        terminal.answer("first > ", "bet")
        terminal.answer(REMATCH, "n")
        assert terminal.exit_code() == 0
    assert max(map(len, terminal.text.split("\n"))) <= 40


def test_words_are_not_cut_in_a_terminal_of_40_columns() -> None:
    with Terminal("play", "simple_negotiation", "--opponent", "random", "--seed", "3", columns=40) as terminal:
        terminal.answer("first > ", "offer 1 wood -> 1 gold | shall we?")
        terminal.type("first > ", CTRL_D)
        assert terminal.exit_code() == 0
    assert max(map(len, terminal.text.split("\n"))) <= 42  # the terminal wraps typed text
    assert '"shall we?"' in " ".join(terminal.text.split())


def test_a_terminal_gets_colours_unless_switched_off() -> None:
    def list_colours(*extra: str, **env: str) -> list[str]:
        with Terminal(*KUHN, *extra, env=env) as terminal:
            terminal.type("first > ", CTRL_D)
            assert terminal.exit_code() == 0
        return [c for c in re.findall(r"\x1b\[([0-9;]*)m", terminal.seen) if re.search(r"\b3\d\b", c)]

    assert list_colours()
    assert not list_colours(NO_COLOR="1")
    assert not list_colours("--plain")


def test_plain_text_has_no_escapes_at_all() -> None:
    with Terminal(*KUHN, "--plain") as terminal:
        terminal.answer("first > ", "bet")
        terminal.answer(REMATCH, "n")
        assert terminal.exit_code() == 0
    assert "\x1b" not in terminal.seen
    assert "─" not in terminal.seen


def test_the_terminal_is_left_as_it_was_found() -> None:
    with Terminal(*KUHN) as terminal:
        terminal.answer("first > ", "bet")
        terminal.type(REMATCH, CTRL_C)
        assert terminal.exit_code() == 130
    assert terminal.seen.count("\x1b[?25l") == terminal.seen.count("\x1b[?25h")  # the cursor is hidden and shown
