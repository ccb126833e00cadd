"""Taboo: say what it is without saying what it is."""

import functools
import itertools
import json
import random
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import CHAT_CHARS, LINE_FORM, clean_message, quote_message, strip_decoration
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem, ProblemKind
from mirrormatch.text import strip_invisible

MAX_GUESS_WORDS = 3
_GUESS_FORM = "[a-z]{1,14}([ -][a-z]{1,14}){0,2}"
MAX_GUESS_CHARS = 60
DESCRIBER, GUESSER = 0, 1
_SEATS = ("describer", "guesser")
_WORDS_PATH = Path(__file__).parent / "data" / "taboo.json"
_NUM_CACHED = 4_096  # results of each function that rendering and reading call again and again
_WORD = re.compile(r"[^\W_]+")
_GLUE = re.compile("[-\u2010_'\u2019]+")  # signs within a word: hyphens, apostrophes, underscores
_BETWEEN_GUESSES = re.compile(r"[,;/|\r\n]|\bor\b")
_CLUE_BRACKETS, _CLUE_QUOTES = (("[", "]"), ("(", ")")), "'`*"  # what comes off around a clue
_OPENINGS = (("guess",), ("my", "guess", "is"), ("is", "it"), ("it", "is"), ("a",), ("an",), ("the",))
# Letters that look like Latin ones but aren't normalised to them, and the signs and digits used for letters.
_LOOKALIKES = str.maketrans("аеорсухіјѕкмтвнԁһӏɡαοερντικυχøłđıœæ@$", "aeopcyxijskmtbhdhlgaoepvtikuxoldioaas")
_DIGITS = str.maketrans("013457", "oleast")
_VOWELS = "aeiouy"
# Words that stand beside others without being pieces of one. The bundled clues hold most others.
_EVERYDAY = (
    "a am amid an and anger angles are as at be berry birth bow bowed but by cast con crow dent direct do drag elect "
    "enter era feat fed fir for from fun gal go had has he her here him his how hum i if in inner into is it its kin "
    "kit lad landed lap late lately later less lied list lying manly manner mass mate me medic merry monk moth my "
    "nigh no nor not numb of oh on or our ours over paint pea per pillar plan port porter pump quake ray rein rob rot "
    "row rowed scar sect she shin sire ski slim so son sons spin story strip stud sub sum tab tall taller tally tee "
    "than that the them then there they thin tier tile to ton tone tow tract up us wait war was way ways we wed were "
    "wet win wit with you your"
)


@dataclass(frozen=True)
class TabooSettings(GameSettings):
    """The number of attempts."""

    attempts: int = setting(5, "clues, and guesses, before the word is lost", range(1, 11))


_DEFAULT = TabooSettings()


class Entry(NamedTuple):
    """The data on a secret word: five forbidden words, and clues that contain none of them."""

    forbidden: tuple[str, ...]
    clues: tuple[str, ...]


class Round(NamedTuple):
    """The state.

    Attributes:
        target: the secret word; empty before chance has drawn it.
        moves: clues and guesses in turn.
        used: the forbidden word that a clue contained, else empty.
        guessed: whether the last guess is right.
    """

    target: str
    moves: tuple[str, ...]
    used: str
    guessed: bool


class View(NamedTuple):
    """The information of a role. The guesser learns the secret word when the game is over."""

    role: int
    target: str
    moves: tuple[str, ...]
    used: str
    guessed: bool
    is_over: bool


class Taboo(Game[Round, View]):
    """A describer leads a guesser to a secret word without the words that come to mind first.

    Chance draws one of 188 everyday words. The describer sees it with five forbidden words and writes a clue, of at
    most 120 characters; the guesser sees the clue alone and guesses one word or a phrase of at most three. After five
    wrong guesses the word is lost. It is lost at once if a clue holds the secret word, a word of it or a forbidden
    word: as it stands, with one of the endings -s, -es, -ed, -ing, -er, -ers, -y, -ly and -en, cut in pieces by hyphens
    or spaces, or in other letters that look the same. Two ordinary words side by side are no pieces ("be an" is no
    bean). Irregular forms, translations and rhymes are allowed. A guess
    counts in singular and plural, with or without an article. Both get 1 for a right guess, else 0.
    """

    settings: TabooSettings
    examples = ("attempts=1", "attempts=10")

    def __init__(self, settings: TabooSettings = _DEFAULT) -> None:
        self.settings = settings
        self.info = Info(
            name=settings.full_name("taboo"), version=4, roles=_SEATS, min_return=0.0, max_return=1.0, zero_sum=False,
            max_turns=2 * settings.attempts, hidden=True, random=True, open_text=True, solver="rules", forfeit=0.0,
            cooperative=True, win_at=1.0, source="after the party game Taboo (Hersch 1989); own words",
        )  # fmt: skip

    def start(self) -> Round:
        return Round("", moves=(), used="", guessed=False)

    def to_act(self, state: Round) -> int:
        if not state.target:
            return CHANCE
        if state.guessed or state.used or len(state.moves) == self.info.max_turns:
            return OVER
        return len(state.moves) % 2

    def chance(self, state: Round) -> tuple[tuple[Action, float], ...]:
        return _list_outcomes()

    def legal(self, state: Round) -> tuple[Action, ...] | None:
        return None if self.to_act(state) >= 0 else ()

    def apply(self, state: Round, action: Action) -> Round:
        role = self.to_act(state)
        if role == CHANCE:
            if action not in load_entries():
                raise ValueError(f"{action!r} is not a word of the list")
            return Round(action, moves=(), used="", guessed=False)
        if role == OVER:
            raise ValueError("the game is over")
        move = self.parse(state, action)
        if isinstance(move, Problem):
            raise ValueError(f"{action!r}: {move.detail}")
        moves = (*state.moves, move)
        if role == DESCRIBER:
            return Round(state.target, moves, _find_forbidden(move, state.target), False)
        return Round(state.target, moves, "", _is_right(move, state.target))

    def returns(self, state: Round) -> tuple[float, ...]:
        return (1.0, 1.0) if state.guessed else (0.0, 0.0)

    def view(self, state: Round, role: int) -> View:
        is_over = self.to_act(state) == OVER
        target = state.target if role == DESCRIBER or is_over else ""
        return View(role, target, state.moves, state.used, state.guessed, is_over)

    def rules(self) -> str:
        tries = self.settings.attempts
        won = (
            f"Both win if one of {tries} guesses is right."
            if tries > 1
            else "There is one guess; both win if it is right."
        )
        return (
            "Taboo, cooperative. The describer sees a secret word and five forbidden words and gives a clue: free "
            f"text, at most {CHAT_CHARS} characters. It must not contain the secret word, part of it "
            "or a forbidden word, also not with the ending -s, -es, -ed, -ing, -er, -ers, -y, -ly or -en, cut in "
            "pieces or in other letters: then both lose at once. The guesser sees only the clues and answers each with "
            f"one guess: a word or a phrase of at most {MAX_GUESS_WORDS} words. {won}"
        )

    def render(self, view: View) -> str:
        lines = [f"You are the {_SEATS[view.role]}."]
        if view.role == DESCRIBER:
            lines.append(_describe_card(view.target) if view.target else "The secret word is not drawn yet.")
        last = len(view.moves) - 1
        lines += [_show_move(k, text, view.guessed and k == last) for k, text in enumerate(view.moves)]
        lines.append(self._request_move(view))
        return "\n".join(lines)

    def parse(self, state: Round, text: str) -> Action | Problem:
        return _read_clue(text) if self.to_act(state) == DESCRIBER else _read_guess(text)

    def form(self, view: View) -> str:
        return LINE_FORM if view.role == DESCRIBER else _GUESS_FORM

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """A bundled clue, half the time to another word; a guess is a random word of the list."""
        if view.role == GUESSER:
            return rng.choice(_list_targets())
        return rng.choice(load_entries()[view.target].clues if rng.random() < 0.5 else _list_clues())

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The bundled clues one by one; the guess is the word whose bundled clues are most like the given ones."""
        if view.role == DESCRIBER:
            clues = load_entries()[view.target].clues
            return ((clues[len(view.moves) // 2 % len(clues)], 1.0),)
        return ((_find_likeliest(view.moves[::2], view.moves[1::2]), 1.0),)

    def _request_move(self, view: View) -> str:
        """The request for a move, or the result."""
        num, attempts = len(view.moves) // 2 + 1, self.settings.attempts
        if view.used:
            return f"The clue holds {view.used!r}, which is forbidden. The word was {view.target!r}. You both lose."
        if view.is_over:
            return (
                "You both win." if view.guessed else f"No guess is left: you both lose. The word was {view.target!r}."
            )
        if len(view.moves) % 2 != view.role:
            return "Wait for the clue." if view.role == GUESSER else "Wait for the guess."
        return f"Give clue {num} of {attempts}." if view.role == DESCRIBER else f"Make guess {num} of {attempts}."


@functools.lru_cache(_NUM_CACHED)
def _show_move(k: int, text: str, is_right: bool) -> str:
    """A line on a clue or a guess."""
    if k % 2 == 0:
        return f"Clue {k // 2 + 1}: {quote_message(text)}"
    return f"Guess {k // 2 + 1}: {quote_message(text)}, {'right' if is_right else 'wrong'}."


@functools.cache
def _describe_card(target: str) -> str:
    return f"Secret word: {target}.\nForbidden: {', '.join(load_entries()[target].forbidden)}."


# the list


@functools.cache
def load_entries() -> dict[str, Entry]:
    """Loads the words with their forbidden words and clues."""
    listed = json.loads(_WORDS_PATH.read_text(encoding="utf-8"))
    return {target: Entry(tuple(card["forbidden"]), tuple(card["clues"])) for target, card in listed.items()}


@functools.cache
def _list_targets() -> tuple[str, ...]:
    return tuple(load_entries())


@functools.cache
def _list_outcomes() -> tuple[tuple[Action, float], ...]:
    return tuple((target, 1 / len(_list_targets())) for target in _list_targets())


@functools.cache
def _list_clues() -> tuple[str, ...]:
    return tuple(itertools.chain.from_iterable(entry.clues for entry in load_entries().values()))


# reading


@functools.lru_cache(_NUM_CACHED)  # apply reads the text that parse returned
def _read_clue(text: str) -> Action | Problem:
    clue = strip_decoration(clean_message(text), _CLUE_BRACKETS, _CLUE_QUOTES, endings="")
    if not _split_words(clue):
        return Problem(ProblemKind.NONE, "no words")
    return clue


@functools.lru_cache(_NUM_CACHED)
def _read_guess(text: str) -> Action | Problem:
    answer = strip_decoration(strip_invisible(text))
    if _BETWEEN_GUESSES.search(answer.casefold()):
        return Problem(ProblemKind.AMBIGUOUS, "one guess at a time")
    words = _split_words(answer) if len(answer) <= MAX_GUESS_CHARS else ()
    while opening := next((o for o in _OPENINGS if words[: len(o)] == o and len(words) > len(o)), None):
        words = words[len(opening) :]
    guess = " ".join(words)
    if not 0 < len(words) <= MAX_GUESS_WORDS or len(guess) > MAX_GUESS_CHARS:
        return Problem(ProblemKind.NONE, f"a guess is a word or a phrase of at most {MAX_GUESS_WORDS} words")
    return guess


def _split_words(text: str) -> tuple[str, ...]:
    """Splits the text into words of plain lower-case letters, without accents, fonts and look-alikes."""
    found = _WORD.findall(_simplify(_simplify(text)))  # twice: some letters decompose only in lower case
    return tuple(word if word.isdigit() else word.translate(_DIGITS) for word in found)


def _simplify(text: str) -> str:
    if text.isascii():
        return text.lower().translate(_LOOKALIKES)
    small = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in small if not unicodedata.category(c).startswith("M")).translate(_LOOKALIKES)


# judging


@functools.lru_cache(_NUM_CACHED)
def _find_forbidden(clue: str, target: str) -> str:
    """The forbidden word that the clue contains, or ""; also one that is cut in pieces."""
    forms, words = _list_forbidden_forms(target), _split_at_spaces(clue)
    longest = max(map(len, forms))
    for k in range(len(words)):
        pieces: list[str] = []  # what spaces separate; hyphens don't
        for word, is_glued in words[k:]:
            if is_glued and pieces:
                pieces[-1] += word
            else:
                pieces.append(word)
            joined = "".join(pieces)
            if joined in forms and _is_one_word(pieces, forms[joined]):
                return forms[joined]
            if len(joined) >= longest:
                break
    return ""


def _split_at_spaces(clue: str) -> list[tuple[str, bool]]:
    """The words as `_split_words` finds them, each with whether a hyphen or apostrophe alone is before it."""
    text = _simplify(_simplify(clue))
    found = list(_WORD.finditer(text))
    starts = [0, *(word.end() for word in found)]
    glued = [bool(_GLUE.fullmatch(text, start, word.start())) for start, word in zip(starts, found, strict=False)]
    return list(zip(_split_words(clue), glued, strict=True))


def _is_one_word(pieces: Sequence[str], forbidden: str) -> bool:
    """Whether the pieces spell the forbidden word or phrase, and aren't ordinary words side by side."""
    phrase = _split_words(forbidden)
    is_phrase = len(pieces) == len(phrase) and tuple(pieces[:-1]) == phrase[:-1]
    return is_phrase or not all(piece in _list_ordinary_words() for piece in pieces)


@functools.cache
def _list_ordinary_words() -> frozenset[str]:
    """The words of the bundled lists and everyday ones; of single letters only those that are words."""
    texts = [text for target, entry in load_entries().items() for text in (target, *entry.forbidden, *entry.clues)]
    words = {word for text in texts for word in _split_words(text) if len(word) > 1}
    return frozenset(words | set(_EVERYDAY.split()))


@functools.cache
def _list_forbidden_forms(target: str) -> dict[str, str]:
    """Every form of a forbidden word -> that word."""
    words = [target, *target.split(), *load_entries()[target].forbidden]
    return {form: word for word in reversed(words) for form in _list_forms("".join(_split_words(word)))}


@functools.cache
def _list_forms(word: str) -> frozenset[str]:
    """The forms of a word that count as the same word, in English spelling."""
    stems = {word}  # the form before an ending that begins with a vowel
    forms = {word, word + "s"}
    if word.endswith("e") and not word.endswith("ee"):
        stems = {word[:-1]}
    elif word.endswith("y"):
        forms.add(word[:-1] + "ies")
        stems = {word, word[:-1] + "i"}
    elif word.endswith(("s", "x", "z", "ch", "sh", "o")):
        forms.add(word + "es")
    elif word[-1] not in _VOWELS + "w" and word[-2:-1] in _VOWELS and word[-3:-2] not in _VOWELS:
        num_vowels = sum(c in _VOWELS for c in word)
        stems = {word + word[-1]} if num_vowels == 1 else {word, word + word[-1]}  # "hated" isn't from "hat"
    forms |= {stem + ending for stem in stems for ending in ("ed", "ing", "er", "ers", "y", "en")}
    if len(word) > 3:
        return frozenset(forms | {word + "y", word + "ly"})
    return frozenset(forms - {word + "y", word + "en"})  # "army" isn't from "arm"


def _is_right(guess: str, target: str) -> bool:
    return guess.replace(" ", "") in _list_right_guesses(target)


@functools.cache
def _list_right_guesses(target: str) -> frozenset[str]:
    word = "".join(_split_words(target))
    return frozenset({word, word + "s", word + "es", word[:-1] + "ies" if word.endswith("y") else word})


# the solver


@functools.cache
def _index_clue_words() -> dict[str, tuple[str, ...]]:
    """Word -> the targets whose bundled clues contain it."""
    holders = defaultdict[str, list[str]](list)
    for target, entry in load_entries().items():
        for word in set(itertools.chain.from_iterable(map(_split_words, entry.clues))):
            holders[word].append(target)
    return {word: tuple(targets) for word, targets in holders.items()}


def _find_likeliest(clues: tuple[str, ...], guesses: tuple[str, ...]) -> str:
    """The word whose bundled clues share most with the given clues; rare words count more."""
    scores = dict.fromkeys(_list_targets(), 0.0)
    for word in itertools.chain.from_iterable(map(_split_words, clues)):
        holders = _index_clue_words().get(word, ())
        for target in holders:
            scores[target] += 1 / len(holders)
    left = [target for target in scores if not any(_is_right(guess, target) for guess in guesses)]
    return max(left, key=lambda target: scores[target])


GAME = Taboo()
