"""Twenty questions."""

import functools
import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import normalise
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem, ProblemKind
from mirrormatch.text import one_line

DATA = Path(__file__).parent / "data" / "twenty_questions.json"
YES, NO, SOMETIMES, UNKNOWN = "yes", "no", "sometimes", "I don't know"
GUESS = "guess"
GUESSING = 0.2  # probability that a random player guesses instead of asking
MAX_WORDS, MAX_CHARS = 12, 80  # length limits of a question that isn't in the data
MAX_GUESS_WORDS = 3
_FORM = (
    r"(is|can|does) it( [a-z][a-z'-]{0,12}){1,7}\?|(can|do) you( [a-z]{2,12}){1,2} it( [a-z][a-z'-]{0,12}){0,5}\?"
    r"|guess [a-z][a-z'-]{1,14}( [a-z][a-z'-]{1,14})?"
)

_NUM_CACHED = 1_024  # results of each function that rendering and reading call again and again
_WORD = re.compile(r"[a-z0-9][a-z0-9'-]*")
# "Is it an orange?" is a guess, "is it orange?" asks for the colour.
_GUESS = re.compile(r"(?:guess(?: an?| the)?|is it (?:an?|the)) (?P<name>.+)")
_OBJECT = re.compile(r"is it (?:something|a thing|an object) (?:that )?(?:you|people|we) (?P<can>can )?(?P<verb>\w+)")
_OPENERS = frozenset("is are can could does do did has have will would was".split())
# Words that don't change the meaning of a question.
_FILLERS = frozenset(
    "a an the any some usually normally typically often commonly generally mostly mainly actually really of kind type "
    "sort something thing ever also considered".split()
)
_SYNONYMS = {
    "could": "can", "has": "does have", "this": "it", "we": "you", "people": "you", "humans": "you", "someone": "you",
    "one": "you", "i": "you", "homes": "house", "home": "house", "four": "4", "six": "6", "two": "2",
    "manmade": "man-made", "larger": "bigger", "colour": "color", "coloured": "colored", "would": "can",
}  # fmt: skip
# Words that no guess and no question contains: with one, the text is more or less than one question.
_NOT_ONE = frozenset("or and not no never but either neither maybe then if guess anything".split())


@dataclass(frozen=True)
class TwentyQuestionsSettings(GameSettings):
    """The length of the game."""

    questions: int = setting(20, "questions and guesses together", range(5, 31))


_DEFAULT = TwentyQuestionsSettings()


class Line(NamedTuple):
    """A question or a guess, and the answer."""

    move: str
    answer: str


class Secret(NamedTuple):
    """The thing, empty before chance has drawn it, and the questions and guesses with their answers."""

    thing: str
    lines: tuple[Line, ...]


class View(NamedTuple):
    """The questions and guesses with their answers; the thing only when the game is over, else empty."""

    lines: tuple[Line, ...]
    thing: str


class Facts(NamedTuple):
    """The answerer's knowledge, with indexes of it.

    Attributes:
        things: every thing, sorted.
        questions: one canonical question for each attribute.
        attributes: a question's simplified words -> the number of the attribute.
        named: a name of a thing -> the thing.
        answers: for each attribute and answer, the set of things with it, as bits in the order of the things.
    """

    things: tuple[str, ...]
    questions: tuple[str, ...]
    attributes: dict[str, int]
    named: dict[str, str]
    answers: tuple[dict[str, int], ...]


class TwentyQuestions(Game[Secret, View]):
    """A dialogue with an answerer who thinks of a thing: find out which by questions for yes or no.

    Chance chooses one of 132 everyday things: an animal, a plant, food, clothing, a vehicle, an instrument, something
    in the house or in nature, and so on. The player asks ("is it an animal?", "can it fly?") or guesses ("guess cat").
    The answerer knows the answers to 81 questions in several phrasings each, from `data/twenty_questions.json`, and
    says "yes", "no", "sometimes", or "I don't know" to a question that it doesn't recognize; every one counts, and so
    does a wrong guess, which is answered with "no". A guess that is right ends the game with 1; after 20 questions and
    guesses without one it ends with 0. "Is it a cat?" is a guess. The solver asks what splits the things that are left
    best; its sixth turn is on average the right guess, its eighth at the latest.
    """

    settings: TwentyQuestionsSettings
    examples = ("questions=8",)

    def __init__(self, settings: TwentyQuestionsSettings = _DEFAULT) -> None:
        self.settings = settings
        self.info = Info(
            name=settings.full_name("twenty_questions"), version=1, roles=("guesser",), min_return=0.0, max_return=1.0,
            zero_sum=False, max_turns=settings.questions, hidden=True, random=True, open_text=True, solver="rules",
            forfeit=0.0, source="the parlour game, with an answerer of our own", win_at=1.0,
        )  # fmt: skip

    def start(self) -> Secret:
        return Secret("", ())

    def to_act(self, state: Secret) -> int:
        thing, lines = state
        if not thing:
            return CHANCE
        return OVER if len(lines) == self.settings.questions or _is_found(lines) else 0

    def chance(self, state: Secret) -> tuple[tuple[Action, float], ...]:
        return _list_outcomes()

    def legal(self, state: Secret) -> tuple[Action, ...] | None:
        return None if self.to_act(state) == 0 else ()

    def apply(self, state: Secret, action: Action) -> Secret:
        role = self.to_act(state)
        if role == CHANCE and action in load_facts().things:
            return Secret(action, ())
        if role != 0:
            raise ValueError(f"{action!r} is not allowed in {state!r}")
        move = _read_move(action)
        if isinstance(move, Problem):
            raise ValueError(f"{action!r}: {move.detail}")
        return Secret(state.thing, (*state.lines, _answer(move, state.thing)))

    def returns(self, state: Secret) -> tuple[float, ...]:
        return (1.0,) if _is_found(state.lines) else (0.0,)

    def view(self, state: Secret, role: int) -> View:
        return View(state.lines, state.thing if self.to_act(state) == OVER else "")

    def rules(self) -> str:
        return (
            "Twenty questions. Find out a secret everyday thing: an animal, plant, food, vehicle, tool, instrument, "
            "piece of clothing, thing in the house, building or something in nature. Ask one short question at a time "
            "that begins with is, can, does or do: 'is it an animal?', 'can it fly?', 'is it made of metal?', 'do you "
            "find it in a kitchen?'. Answers: yes, no, sometimes, or I don't know. To guess, say 'guess cat'; after a "
            f"wrong guess the game goes on. You have {self.settings.questions} questions and guesses together. You win "
            "if you guess the thing."
        )

    def render(self, view: View) -> str:
        lines = [f"{k}. {_show_line(line)}" for k, line in enumerate(view.lines, 1)]
        if not view.thing:
            left = self.settings.questions - len(lines)
            lines.append(f"Questions and guesses left: {left}." + (" This is the last one." if left == 1 else ""))
        else:
            lines.append("You have won." if _is_found(view.lines) else f"You have lost: it was {view.thing}.")
        return "\n".join(lines)

    def parse(self, state: Secret, text: str) -> Action | Problem:
        return _read_move(text)

    def form(self, view: View) -> str:
        return _FORM

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """A random question that the answerer knows, or a random guess."""
        known = load_facts()
        return f"{GUESS} {rng.choice(known.things)}" if rng.random() < GUESSING else rng.choice(known.questions)

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The question with the most informative answer; a guess when two things are left, or in the last turn."""
        left = find_candidates(view.lines)
        is_last = len(view.lines) == self.settings.questions - 1
        return ((_choose_move(left, is_last), 1.0),)


@functools.cache
def load_facts() -> Facts:
    """Loads the answerer's knowledge on first use."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    attributes: list[list[str]] = data["attributes"]
    things: dict[str, dict[str, list[str]]] = data["things"]
    answers = []
    for first, *_ in attributes:
        bits = dict.fromkeys((YES, NO, SOMETIMES), 0)
        for k, known in enumerate(things.values()):
            bits[next((a for a in (YES, SOMETIMES) if first in known.get(a, ())), NO)] |= 1 << k
        answers.append(bits)
    return Facts(
        things=tuple(things),
        questions=tuple(f"{first}?" for first, *_ in attributes),
        attributes={_simplify(phrasing): k for k, phrasings in enumerate(attributes) for phrasing in phrasings},
        named={name: thing for thing, known in things.items() for name in (thing, *known.get("also", ()))},
        answers=tuple(answers),
    )


@functools.cache
def _list_outcomes() -> tuple[tuple[Action, float], ...]:
    things = load_facts().things
    return tuple((thing, 1 / len(things)) for thing in things)


def _is_found(lines: tuple[Line, ...]) -> bool:
    return bool(lines) and lines[-1].answer == YES and lines[-1].move.startswith(GUESS)


@functools.lru_cache(_NUM_CACHED)
def _show_line(line: Line) -> str:
    move = line.move if line.move.endswith("?") else f"{line.move}:"
    return f"{move} {line.answer}"


@functools.lru_cache(4 * _NUM_CACHED)
def _answer(move: str, thing: str) -> Line:
    known = load_facts()
    if move.startswith(GUESS):
        return Line(move, YES if move == f"{GUESS} {thing}" else NO)
    k = known.attributes.get(_simplify(move.removesuffix("?")))
    bit = 1 << known.things.index(thing)
    return Line(move, UNKNOWN if k is None else next(a for a, bits in known.answers[k].items() if bits & bit))


# reading a question


@functools.lru_cache(_NUM_CACHED)  # apply reads the text that parse returned
def _read_move(text: str) -> Action | Problem:
    """Reads a question or a guess, which must be the whole text."""
    plain = normalise(text.replace(":", " ")).replace("’", "'") if len(text) <= 2 * MAX_CHARS else ""
    words = plain.split()
    if not words or len(plain) > MAX_CHARS or not all(_WORD.fullmatch(word) for word in words):
        return Problem(ProblemKind.NONE, f"no short question and no guess: {one_line(text, 60)!r}")
    if words[0] in ("ask", "question"):
        words = words[1:]
    if (guess := _GUESS.fullmatch(" ".join(words))) and (thing := _find_thing(guess["name"])):
        return f"{GUESS} {thing}"
    known = load_facts()
    if (k := known.attributes.get(_simplify(" ".join(words)))) is not None:
        return known.questions[k]
    if words[:2] == ["is", "it"] and (thing := _find_thing(" ".join(words[2:]))):
        return f"{GUESS} {thing}"
    return _read_guess(words[1:]) if words[:1] == [GUESS] else _read_question(words)


def _find_thing(name: str) -> str | None:
    named = load_facts().named
    return named.get(name) or named.get(name.removesuffix("s"))


def _read_guess(words: list[str]) -> Action | Problem:
    """Reads a guess at something that isn't in the data."""
    if not words or len(words) > MAX_GUESS_WORDS:
        return Problem(ProblemKind.NONE, "a guess reads: guess cat")
    num_things = sum(word in load_facts().named for word in words)
    if num_things > 1 or not _NOT_ONE.isdisjoint(words):
        return Problem(ProblemKind.AMBIGUOUS, "guess one thing")
    if not _OPENERS.isdisjoint(words) or "it" in words:
        return Problem(ProblemKind.AMBIGUOUS, "guess or ask, not both")
    return f"{GUESS} {' '.join(words)}"


def _read_question(words: list[str]) -> Action | Problem:
    """Reads a question that isn't in the data."""
    if len(words) < 3 or len(words) > MAX_WORDS or words[0] not in _OPENERS:
        return Problem(ProblemKind.NONE, "a question is short and begins with is, can, does or do")
    if words.count("it") > 1 or not _NOT_ONE.isdisjoint(words):
        return Problem(ProblemKind.AMBIGUOUS, "ask one thing at a time")
    if "it" not in words:
        return Problem(ProblemKind.NONE, "ask about it: is it an animal?")
    return f"{' '.join(words)}?"


@functools.lru_cache(_NUM_CACHED)
def _simplify(question: str) -> str:
    """Removes words that don't change the meaning, and replaces synonyms by one word."""
    if about := _OBJECT.match(question):  # is it something you can eat: can you eat it
        question = f"{'can' if about['can'] else 'do'} you {about['verb']} it{question[about.end() :]}"
    words = question.replace("man made", "man-made").split()
    return " ".join(_SYNONYMS.get(word, word) for word in words if word not in _FILLERS)


# the solver


def find_candidates(lines: tuple[Line, ...]) -> int:
    """The set of things that fit all answers, as bits."""
    known = load_facts()
    left = (1 << len(known.things)) - 1
    for move, answer in lines:
        if move.startswith(GUESS):
            thing = move.removeprefix(f"{GUESS} ")
            left &= ~(1 << known.things.index(thing)) if thing in known.things else -1
        elif answer != UNKNOWN:
            left &= known.answers[known.attributes[_simplify(move.removesuffix("?"))]][answer]
    return left


@functools.lru_cache(4 * _NUM_CACHED)
def _choose_move(left: int, is_last: bool) -> Action:
    known = load_facts()
    first = f"{GUESS} {known.things[(left & -left).bit_length() - 1]}"
    if is_last or left.bit_count() <= 2:
        return first
    gains = [(_compute_entropy(left, bits), -k) for k, bits in enumerate(known.answers)]
    gain, k = max(gains)
    return known.questions[-k] if gain > 0 else first


def _compute_entropy(left: int, bits: dict[str, int]) -> float:
    """Entropy of the answer in bits, if all remaining things are equally likely."""
    return sum(-p * math.log2(p) for p in _list_shares(left, bits))


def _list_shares(left: int, bits: dict[str, int]) -> Iterator[float]:
    total = left.bit_count()
    for having in bits.values():
        if num := (left & having).bit_count():
            yield num / total


GAME = TwentyQuestions()
