"""Any of the 144 two-by-two games, alone or composed of several."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from mirrormatch.games.matrix._repeated import ROUND_ENDS, RepeatedGame, Stage, Words
from mirrormatch.games.matrix._tables import find, names
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import Info


class Story(NamedTuple):
    """A scene around a game and the names of its two choices; the text favours neither of them."""

    scene: str
    words: Words


STORIES = {
    "couriers": Story("Two couriers start at one depot. Each picks a road for the day.", ("north", "south")),
    "farms": Story("Two farms share one mill. Each settles when to harvest.", ("early", "late")),
    "cafes": Story("Two cafes face each other across a square. Each plans its evening.", ("film", "music")),
    "towns": Story("Two towns share one power grid. Each settles what to build.", ("solar", "wind")),
    "observers": Story("Two research groups share one telescope. Each plans its night.", ("planets", "stars")),
}
_NONE = "none"


@dataclass(frozen=True)
class MatrixGameSettings(GameSettings):
    """The tables, their number of rounds, their wording and the order of composed games."""

    game: str = setting("prisoners_dilemma", "the game, by its name or its number g111 to g466", names())
    rounds: int = setting(1, "how often everything is played", range(1, 21))
    story: str = setting(_NONE, "the scene around it", (_NONE, *STORIES))
    labels: str = setting("ab", "the letters of the choices without a story", ("ab", "fj", "xy"))
    compose: str = setting(
        "single", "whether it is played with others, and how", ("single", "sequential", "parallel", "nested")
    )
    second: str = setting("stag_hunt", "the second game of a composed one", names())
    third: str = setting(_NONE, "the third game of a composed one", (_NONE, *names()))


_DEFAULTS = MatrixGameSettings()


class MatrixGame(RepeatedGame):
    """Two players, two choices each, at the same time: any of the 144 games in which all four outcomes differ.

    Each player ranks the four outcomes from 1 (worst) to 4 (best); a ranking is worth its number in points. There are
    144 such games if the names of choices don't count. `game=` takes a number or, for the best known, a name: g111 is
    prisoners_dilemma, g122 chicken, g133 leader (or battle_of_the_sexes), g144 hero, g155 compromise, g166 deadlock,
    g311 concord, g322 stag_hunt, g333 assurance, g344 coordination, g355 peace, g366 harmony; bully is g162 and
    called_bluff g112. The numbers are made as in Robinson and Goforth (2005), by `games/matrix/_tables.py`.

    Both choose without seeing the other's choice and then see both. This is repeated `rounds` times (1), and the return
    is the sum of all points. `story=` tells a scene around it and names the choices in its words, the points staying
    the same; `labels=` changes the letters.

    As in TMGBench (2024), games may be composed of two or three, `second=` and `third=`. All are known from the start.
    `compose=sequential`: one after the other. `compose=parallel`: at the same time, a move names a choice in each.
    `compose=nested`: if both take the first choice of the first game, the second game is played; otherwise the third,
    or nothing more if there is none. Composed of stories, each game has a scene of its own.

    Best play is a Nash equilibrium of each game: a pure one if there is any, of several the one with the greatest sum
    of points (then the most even, then the first), otherwise the mixed one. In nested games it is reasoned from the
    end. An equilibrium of one round, played in every round, is a subgame-perfect equilibrium of them all. It is right
    against itself; a random player, whom it trusts as it would itself, may still end with more points.
    """

    examples = (
        "game=g222",
        "game=chicken,rounds=5,labels=xy",
        "rounds=20,story=couriers",
        "game=bully,compose=sequential,third=hero,rounds=3",
        "compose=parallel,story=farms,third=g412",
        "compose=parallel,game=g222,rounds=2",
        "compose=nested,rounds=2",
        "compose=nested,game=chicken,third=deadlock,story=observers",
    )

    def __init__(self, settings: MatrixGameSettings = _DEFAULTS) -> None:
        settings = _normalise_settings(settings)
        self.settings: MatrixGameSettings = settings
        self.scenes = _scenes(settings)
        super().__init__(_stages(settings), settings.rounds)
        self.info = Info(
            name=settings.full_name("matrix_game"), version=2, roles=("first", "second"),
            min_return=self.bounds[0], max_return=self.bounds[1], zero_sum=False, max_turns=self.max_moves,
            hidden=True, random=False, open_text=False, solver="exact", forfeit=self.bounds[0],
            source="Robinson and Goforth 2005, The topology of the 2x2 games; Wang et al. 2024, TMGBench",
        )  # fmt: skip

    def rules(self) -> str:
        rounds = "" if self.num_rounds == 1 else f" This is repeated for {self.num_rounds} rounds."
        return (
            f"You and another player choose at the same time. {self._render_offers()} The table gives both players' "
            f"points for each pair of choices.{self._render_order()}{rounds} Each time both then see both choices. "
            f"Points add up; get as many as you can. {self._render_notation()}"
        )

    def _render_offers(self) -> str:
        sentences = [f"{scene} The choices are {words[0]} and {words[1]}.".strip() for scene, words in self.scenes]
        if len(set(sentences)) == 1:
            return sentences[0]
        return " ".join(f"Game {k}: {sentence}" for k, sentence in enumerate(sentences, 1))

    def _render_order(self) -> str:
        """Renders the order of the games."""
        num, first = len(self.scenes), self.scenes[0].words[0]
        if self.settings.compose == "sequential":
            return f" The {num} games are played one after the other."
        if self.settings.compose == "parallel":
            return f" The {num} games are played at the same time."
        if self.settings.compose == "nested":
            other = "game 3 is" if num == 3 else "nothing more is"
            return (
                f" Game 1 comes first. If both choose {first} in it, game 2 is played next; otherwise {other} played."
            )
        return ""

    def _render_notation(self) -> str:
        if self.settings.compose != "parallel":
            return "A move is one choice alone, without any other word."
        example = self._moves[0][1]
        return f"A move names your choice in each game, in order, for instance: {example}"


def _normalise_settings(settings: MatrixGameSettings) -> MatrixGameSettings:
    """Normalises settings: every game by its primary name, and settings without effect at their defaults."""
    alone = settings.compose == "single"
    return replace(
        settings,
        game=find(settings.game).name,
        second=_DEFAULTS.second if alone else find(settings.second).name,
        third=_NONE if alone or settings.third == _NONE else find(settings.third).name,
        labels=settings.labels if settings.story == _NONE else _DEFAULTS.labels,
    )


def _stages(settings: MatrixGameSettings) -> tuple[Stage, ...]:
    tables = [find(name).table for name in _names(settings)]
    words = [scene.words for scene in _scenes(settings)]
    last = len(tables) - 1
    if settings.compose == "parallel":
        return (Stage(tuple(tables), tuple(words)),)
    follows = [(k + 1, k + 1) if k < last else (ROUND_ENDS, ROUND_ENDS) for k in range(last + 1)]
    if settings.compose == "nested":
        follows = [(1, 2 if last == 2 else ROUND_ENDS), *[(ROUND_ENDS, ROUND_ENDS)] * last]
    return tuple(Stage((t,), (w,), then) for t, w, then in zip(tables, words, follows, strict=True))


def _names(settings: MatrixGameSettings) -> list[str]:
    """The names of the games in playing order."""
    more = (settings.second, settings.third) if settings.compose != "single" else ()
    return [settings.game, *(name for name in more if name != _NONE)]


def _scenes(settings: MatrixGameSettings) -> list[Story]:
    """Each game's scene: the chosen story, then the stories listed after it."""
    num = len(_names(settings))
    if settings.story == _NONE:
        return [Story("", (settings.labels[0], settings.labels[1]))] * num
    chosen = list(STORIES).index(settings.story)
    return [list(STORIES.values())[(chosen + k) % len(STORIES)] for k in range(num)]


GAME = MatrixGame()
