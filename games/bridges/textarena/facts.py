"""Facts on environments that TextArena doesn't declare: players, bounds on rewards, and faults.

They come from the sources of release 0.7.4 and were tested by playing; textarena itself is not imported here. The key
of an environment is the folder of its class, which all its variants share: `KuhnPoker` for `KuhnPoker-v0-short`.
"""

import sys
from typing import NamedTuple

NEEDS_PYTHON = (3, 12)  # for the syntax of f-strings in some environments


class Facts(NamedTuple):
    """Facts that hold for all variants of an environment.

    Attributes:
        default: the default number of players.
        players: every number of players that works.
        low: lower bound on rewards, and the worth of a forfeit.
        high: upper bound on rewards.
        zero_sum: whether the rewards always add up to 0.
        win_at: the least reward that counts as a win, in games for one and for teams.
    """

    default: int
    players: tuple[int, ...]
    low: float
    high: float
    zero_sum: bool
    win_at: float | None


_DUEL = Facts(2, (2,), -1.0, 1.0, True, None)
_SOLO = Facts(1, (1,), 0.0, 1.0, False, 1.0)  # puzzles that reward the solved part
_SOLO_SIGNED = Facts(1, (1,), -1.0, 1.0, False, 1.0)  # puzzles that punish invalid moves with -1


def _make_table(default: int, *players: int, win_at: float | None = None) -> Facts:
    """Facts on a game for several players, of any sum, with rewards from -1 for the last to 1 for the first."""
    return Facts(default, players, -1.0, 1.0, False, win_at)


_SOLOS = (
    "Blackjack", "Countdown", "Crosswords", "Cryptarithm", "FifteenPuzzle", "FrozenLake", "Game2048", "GuessTheNumber",
    "LogicPuzzle", "Mastermind", "Minesweeper", "PegJump", "RushHour", "Slitherlink", "Sokoban", "Sudoku",
    "ThreeCardMonte", "TowerOfHanoi",
)  # fmt: skip
_DUELS = (
    "Alquerque", "Battleship", "Breakthrough", "Checkers", "Chess", "Chopsticks", "ColonelBlotto", "ConnectFour",
    "Crusade", "GameOfPureStrategy", "GermanWhist", "HighSociety", "IndianPoker", "IteratedMatchingPennies",
    "IteratedPrisonersDilemma", "IteratedRockPaperScissors", "IteratedStagHunt", "IteratedTwoThirdsAverage",
    "IteratedUltimatumGame", "KuhnPoker", "LinesOfAction", "MemoryGame", "NewRecruit", "Nim", "Othello", "PigDice",
    "QuantumTicTacToe", "ReverseTicTacToe", "SimpleBlindAuction", "SimpleNegotiation", "SimpleTak", "SpiteAndMalice",
    "Stratego", "Tak", "TicTacToe", "TruthAndDeception", "TwoDollar", "UltimateTicTacToe", "WildTicTacToe",
    "Briscola", "Golf",
)  # fmt: skip
FACTS: dict[str, Facts] = {
    **dict.fromkeys(_SOLOS, _SOLO),
    **dict.fromkeys(_DUELS, _DUEL),
    "Bandit": _SOLO_SIGNED,
    "Secretary": _SOLO_SIGNED,
    "UltimateTexasHoldem": _SOLO_SIGNED,
    "LightsOut": _SOLO._replace(low=-24.0),  # 1 light of 25 on at the start, all at the end
    "Set": _SOLO._replace(high=20.0, win_at=20.0),  # a point for each of 20 turns
    "LiarsDice": _make_table(4, *range(2, 16)),
    "MarketEntryGame": _make_table(4, *range(2, 16)),
    "Poker": _make_table(4, *range(2, 16)),
    "PublicGoodsGame": _make_table(3, *range(2, 16)),
    "Santorini": _make_table(2, 2, 3),
    "SecretMafia": _make_table(7, *range(6, 16), win_at=1.0),
    "SettlersOfCatan": _make_table(4, 4),
    "Snake": _make_table(2, *range(2, 10)),
    "Surround": _make_table(2, *range(2, 10)),
    "Taboo": _make_table(4, *range(4, 16, 2), win_at=1.0),
    "ThreePlayerGOPS": _make_table(3, 3),
    "ThreePlayerIPD": _make_table(3, 3),
    "ThreePlayerTicTacToe": _make_table(3, 3),
}

_WORD_LIST = "downloads a word list"
_MODEL = "asks a model over the network"
_FILES = "files that it reads are missing from the package"
_F_STRINGS = f"needs Python {NEEDS_PYTHON[0]}.{NEEDS_PYTHON[1]}"
NEEDS_NEWER_PYTHON = ("Checkers", "Chess", "IteratedStagHunt", "ReverseTicTacToe", "UltimateTexasHoldem")
BROKEN: dict[str, str] = {
    **dict.fromkeys(
        ("Codenames", "DontSayIt", "Hangman", "LetterAuction", "SpellingBee", "WordChains", "WordLadder", "WordSearch",
         "Wordle"), _WORD_LIST,
    ),
    **dict.fromkeys(("Debate", "GuessWho", "ScenarioPlanning", "TwentyQuestions"), _MODEL),
    **dict.fromkeys(("ScorableGames", "UsedCarNegotiation"), _FILES),
    "BabyAiText": "needs the packages gym, babyai and babyai_text",
    "CharacterConclave": "raises TypeError on every reply",
    "Klondike": "its source is not valid Python",
    "UsedCar": "its module is missing from the package",
}  # fmt: skip

_STRING_REWARD = "the reward for a second invalid reply is a text: the reply is undone"
FAULTS: dict[str, str] = {  # faults of playable environments; run.py contains them
    "Bandit": "the reward at the end is the regret: the best button gets 0, a worse one more",
    "Briscola": "raises at the end with more than two players: for two only",
    "Checkers": "raises when a player has no move left: the reply is undone",
    "Countdown": _STRING_REWARD,
    "Cryptarithm": _STRING_REWARD,
    "FifteenPuzzle": "raises when it is solved: mended, the reward is 1",
    "Golf": "raises at the end with more than two players: for two only",
    "KuhnPoker": "bets never enter the pot",
    "LightsOut": "a reward below 0 if more lights are on than at the start",
    "MarketEntryGame": "never returns when everybody is out: the reply is undone",
    "Poker": "with players out for invalid replies, some rewards are above 1: the reply is undone",
    "Slitherlink": _STRING_REWARD,
    "Taboo": "`Taboo-v0-full` draws its category without regard to the seed: it is drawn by the seed",
    "Tak": "raises when it is won: mended",
    "ThreeCardMonte": _STRING_REWARD,
}


def find_reason(folder: str, python: tuple[int, int] = sys.version_info[:2]) -> str | None:
    """The reason why the environment can't be played under that version of Python; None where it can."""
    if folder in BROKEN:
        return BROKEN[folder]
    if folder in NEEDS_NEWER_PYTHON and python < NEEDS_PYTHON:
        return _F_STRINGS
    return None if folder in FACTS else "unknown: not in textarena 0.7.4"
