"""Thinkers of games in which both players choose at the same time, and of customs: they compare payoffs."""

from mirrormatch.games.matrix import customs
from mirrormatch.games.matrix._repeated import RepeatedGame, View, Words
from mirrormatch.games.theory.matrix import PayoffTable
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_any, draw_move, draw_solution, is_sound

_REPLIES = 0.5  # probability that a sound player replies to the other's last choice, instead of playing the solution
_STAGE_CHARS = 3  # characters of `View.past` per stage


def think_repeated(sight: Sight) -> Thought:
    """Compares its payoffs at each choice of the other, and counts what the other has chosen so far."""
    game, view = sight.game, sight.view
    assert isinstance(game, RepeatedGame)
    stage = game.stages[view.stage]
    tables = list(zip(stage.tables, stage.words, strict=True))
    said = [_compare(table, words, view.role) for table, words in tables]
    if len(tables) > 1:
        said = [f"Game {k}: {text}" for k, text in enumerate(said, 1)]
    last = _find_other_choices(view)
    if len(tables) == 1 and last:
        words = tables[0][1]
        said.append(f"The other chose {words[0]} {last.count('0')} times, {words[1]} {last.count('1')}.")
    move = draw_any(sight)
    if is_sound(sight):
        replies = len(tables) == 1 and last and sight.rng.random() < _REPLIES
        move = _reply(tables[0][0], tables[0][1], view.role, int(last[-1])) if replies else draw_solution(sight)
    return Thought(f"{' '.join(said)} I choose {move}.", move)


def _compare(table: PayoffTable, words: Words, role: int) -> str:
    """The own payoffs for each choice of the other."""
    parts = []
    for other, name in enumerate(words):
        mine = [_pay(table, role, own, other) for own in (0, 1)]
        parts.append(f"Other {name}: {words[0]} {mine[0]:g}, {words[1]} {mine[1]:g}.")
    return " ".join(parts)


def _pay(table: PayoffTable, role: int, own: int, other: int) -> float:
    return table[own][other][0] if role == 0 else table[other][own][1]


def _reply(table: PayoffTable, words: Words, role: int, other: int) -> str:
    """The best reply to a choice of the other."""
    return words[max((0, 1), key=lambda own: _pay(table, role, own, other))]


def _find_other_choices(view: View) -> str:
    """The other's choices at the present stage so far."""
    steps = [view.past[k : k + _STAGE_CHARS] for k in range(0, len(view.past), _STAGE_CHARS)]
    return "".join(step[2 - view.role] for step in steps if int(step[0]) == view.stage)


def think_customs(sight: Sight) -> Thought:
    """The courier compares the results of crossing; the officer compares sums over 10 couriers who all cross."""
    view: customs.View = sight.view
    move = draw_move(sight)
    if view.role == customs.COURIER:
        let, search = (customs.WINS[view.part, action] for action in (customs.PASS, customs.SEARCH))
        text = f"I am a {view.part}. Crossing wins {let:g}, or {search:g} if searched; turning back {-1}."
        return Thought(f"{text} I {move}.", move)
    settings = sight.game.settings
    assert isinstance(settings, customs.CustomsSettings)
    bad, good = settings.smugglers, 10 - settings.smugglers
    let = good * 2 + bad * 4
    search = good * 3 - bad * 4
    text = f"If all cross: pass costs {good}*2+{bad}*4={let}, search {good}*3-{bad}*4={search}."
    return Thought(f"{text} I {move}.", move)


THINKERS = {
    "customs": think_customs,
    "iterated_prisoners_dilemma": think_repeated,
    "matrix_game": think_repeated,
    "stag_hunt": think_repeated,
}
