"""What a thinker's thought must say, recomputed from the text that its player sees: a second implementation.

Each function gets a `Case` and returns every thought that is right for it. Thinkers compute from views, these functions
from texts, by regular expressions and simple loops.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from tests.paths import ROOT

from mirrormatch.games import Game

DATA = ROOT / "games" / "talk" / "data"
LINES = ("123", "456", "789", "147", "258", "369", "159", "357")  # of tic-tac-toe
WAYS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


class Case(NamedTuple):
    """The text that a player sees, the moves it is offered, its move, and the game."""

    text: str
    legal: tuple[str, ...]
    move: str
    game: Game[Any, Any]

    def find(self, pattern: str) -> str:
        found = re.search(pattern, self.text)
        assert found, f"{pattern!r} isn't in {self.text!r}"
        return found[1]

    def numbers(self, pattern: str) -> list[int]:
        return [int(n) for n in re.findall(r"-?\d+", self.find(pattern))]

    def setting(self, name: str) -> Any:
        return getattr(self.game.settings, name)


def spell(words: Any) -> str:
    return " ".join(map(str, words)) or "none"


def kuhn_poker(case: Case) -> Iterator[str]:
    own = case.find(r"Your card is (\w)")
    others = "JQK".replace(own, "")
    wins = "JQK".index(own)
    call = f" Call: {wins}*2-{2 - wins}*2={2 * wins - 2 * (2 - wins)}. Fold: -1*2=-2." if "call" in case.legal else ""
    yield f"I have {own}, the other {others[0]} or {others[1]}. I beat {wins} of 2.{call} I {case.move}."


def leduc_poker(case: Case) -> Iterator[str]:
    own, public = case.find(r"Your card is (\w)"), re.search(r"public card is (\w)[. ]", case.text.split("\n")[0])
    deck = list("JJQQKK")
    deck.remove(own)
    shown = ""
    if public:
        deck.remove(public[1])
        shown = f" The public card is {public[1]}."
    strength = {c: "JQK".index(c) + 10 * bool(public and c == public[1]) for c in "JQK"}
    beaten = sum(strength[c] < strength[own] for c in deck)
    tied = sum(strength[c] == strength[own] for c in deck)
    lost = len(deck) - beaten - tied
    yield (
        f"I have {own}.{shown} Of {len(deck)} unseen cards I beat {beaten}, tie {tied}, lose to {lost}. I {case.move}."
    )


def number_poker(case: Case) -> Iterator[str]:
    pot, bet = case.numbers(r"Pot: (\d+)")[0], case.numbers(r"Bet: (\d+)")[0]
    strong, turns = case.numbers(r"strong in (\d+)")[0], case.numbers(r"hand win in (\d+)")[0]
    half, stake = pot // 2, pot // 2 + bet
    if "call" in case.legal:
        wins = strong * turns + (10 - strong) * (10 - turns)
        yield (
            f"If all hands bet I win {strong}*{turns}+{10 - strong}*{10 - turns}={wins} of 100. Call: {wins}*{stake}-"
            f"{100 - wins}*{stake}={wins * stake - (100 - wins) * stake}. Fold: -100*{half}={-100 * half}. "
            f"I {case.move}."
        )
        return
    hand = case.find(r"Your hand is (\w+)")
    wins = 10 - turns if hand == "strong" else turns
    check, called = wins * half - (10 - wins) * half, wins * stake - (10 - wins) * stake
    yield (
        f"I am {hand}: I win {wins} of 10. Check: {wins}*{half}-{10 - wins}*{half}={check}. Called: {wins}*{stake}-"
        f"{10 - wins}*{stake}={called}. Folded: 10*{half}={10 * half}. I {case.move}."
    )


def _squares(case: Case) -> dict[str, str]:
    cells = "".join(case.text.split("\n")[-3:]).replace(" ", "")
    return {str(k): cell for k, cell in enumerate(cells, 1)}


def _completing(cells: dict[str, str], mark: str) -> list[tuple[str, str]]:
    found = []
    for square in (s for s, cell in cells.items() if cell.isdigit()):
        for line in LINES:
            rest = line.replace(square, "")
            if square in line and all(cells[s] == mark for s in rest):
                found.append((square, spell(rest)))
    return found


def tictactoe(case: Case) -> Iterator[str]:
    cells, own = _squares(case), case.find(r"You are (\w)")
    free = spell(s for s, cell in cells.items() if cell.isdigit())
    yield f"Free: {free}. I take {case.move}."
    wins, blocks = _completing(cells, own), _completing(cells, "XO".replace(own, ""))
    if not wins + blocks:
        yield f"No line is nearly full. Free: {free}. I take {case.move}."
    for found, mark, word in ((wins, own, "win"), (blocks, "XO".replace(own, ""), "block")):
        yield from (f"{mark} has {rest}. I {word} at {square}." for square, rest in found if square == case.move)


def reverse_tictactoe(case: Case) -> Iterator[str]:
    cells, own = _squares(case), case.find(r"You are (\w)")
    bad = {square for square, _ in _completing(cells, own)}
    free = [s for s, cell in cells.items() if cell.isdigit()]
    yield (f"Three {own} at: {spell(sorted(bad))}. Safe: {spell(s for s in free if s not in bad)}. I take {case.move}.")


def connect_four(case: Case) -> Iterator[str]:
    own = case.find(r"You are (\w)")
    rows = [line.split() for line in case.text.split("\n")[2:]]

    def fours(mark: str) -> str:
        return spell(c for c in case.legal if _has_four(rows, int(c) - 1, mark))

    yield f"I make four at: {fours(own)}. The other at: {fours('XO'.replace(own, ''))}. I take {case.move}."


def _has_four(rows: list[list[str]], column: int, mark: str) -> bool:
    lowest = max(r for r in range(6) if rows[r][column] == ".")
    discs = {(r, c) for r in range(6) for c in range(7) if rows[r][c] == mark} | {(lowest, column)}
    return any(
        all((r + k * down, c + k * right) in discs for k in range(4))
        for r, c in discs
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1))
    )


def nim(case: Case) -> Iterator[str]:
    left = [int(n) for n in re.findall(r"[A-E] (\d+)", case.find(r"Piles: (.*)\."))]
    after = list(left)
    after["abcde".index(case.move[0])] -= int(case.move[1:])

    def describe(piles: list[int]) -> str:
        total = 0
        for n in piles:
            total ^= n
        return f"{spell(piles)}: sum {total}, {sum(n > 1 for n in piles)} over 1"

    yield f"{describe(left)}. {case.move} leaves {describe(after)}. I take {case.move}."


def breakthrough(case: Case) -> Iterator[str]:
    rows = {int(line[0]): line for line in case.text.split("\n") if line[0].isdigit()}
    needs = {
        "w": len(rows) - max(r for r, line in rows.items() if "w" in line),
        "b": min(r for r, line in rows.items() if "b" in line) - 1,
    }
    own = case.find(r"\((\w)\)")
    captures = spell(m for m in case.legal if "x" in m)
    other = "wb".replace(own, "")
    yield f"I need {needs[own]} steps, the other {needs[other]}. Captures: {captures}. I play {case.move}."


def _tables(case: Case) -> list[list[tuple[str, str, int]]]:
    """Own choice, other's choice and own payoff of each line, for each game."""
    tables: list[list[tuple[str, str, int]]] = [[]]
    for line in case.text.split("\n"):
        if re.fullmatch(r"Game \d+:", line):
            tables += [[]] if tables[-1] else []
        elif found := re.fullmatch(r"You (\S+), other (\S+): you get (-?\d+), other gets -?\d+\.", line):
            tables[-1].append((found[1], found[2], int(found[3])))
    return tables


def matrix_game(case: Case) -> Iterator[str]:
    tables = _tables(case)
    composed = case.find(r"Round \d+ of \d+(.*)\.") if len(tables) > 1 else ""
    number = int(composed.split()[-1]) if composed else 0
    used = tables if len(tables) > 1 and not number else [tables[max(number - 1, 0)]]
    said = []
    for table in used:
        words = list(dict.fromkeys(own for own, _, _ in table))
        pay = {(own, other): points for own, other, points in table}
        said.append(
            " ".join(
                f"Other {other}: {words[0]} {pay[words[0], other]}, {words[1]} {pay[words[1], other]}."
                for other in words
            )
        )
    if len(used) > 1:
        said = [f"Game {k}: {text}" for k, text in enumerate(said, 1)]
    else:
        stage = rf", game {number}" if number else ""
        past = re.findall(rf"^Round \d+{stage}: you \S+, other (\S+);", case.text, re.MULTILINE)
        words = list(dict.fromkeys(own for own, _, _ in used[0]))
        if past:
            said.append(f"The other chose {words[0]} {past.count(words[0])} times, {words[1]} {past.count(words[1])}.")
    yield f"{' '.join(said)} I choose {case.move}."


def customs(case: Case) -> Iterator[str]:
    if "trader or a smuggler" in case.text:
        found = re.search(r"(\d) of 10 couriers are smugglers", case.game.rules())
        bad = int(found[1]) if found else 5
        good = 10 - bad
        let, search = good * 2 + bad * 4, good * 3 - bad * 4
        yield (f"If all cross: pass costs {good}*2+{bad}*4={let}, search {good}*3-{bad}*4={search}. I {case.move}.")
        return
    part = case.find(r"a (\w+)\.")
    won = {"trader": (2, 3), "smuggler": (4, -4)}[part]
    yield f"I am a {part}. Crossing wins {won[0]}, or {won[1]} if searched; turning back -1. I {case.move}."


def pig_dice(case: Case) -> Iterator[str]:
    score, total = case.numbers(r"Your score: (\d+)")[0], case.numbers(r"Turn total: (\d+)")[0]
    sides = int(re.search(r"die with (\d+) sides", case.game.rules())[1])  # type: ignore[index]
    gain = sum(range(2, sides + 1))
    yield f"Score {score}+{total}={score + total}. Of {sides} rolls: gain {gain}, lose {total}. I {case.move}."


def liars_dice(case: Case) -> Iterator[str]:
    dice, total = case.numbers(r"Your di(?:c)?e: ([\d ]+)"), case.numbers(r"There are (\d+) dice in all")[0]
    bids = re.findall(r"\d+x\d+", case.text.partition("Bids:")[2])

    def describe(bid: str) -> str:
        number, face = map(int, bid.split("x"))
        have = sum(d in (face, case.setting("faces")) for d in dice)
        return f" {bid} needs {max(0, number - have)} hidden."

    last = describe(bids[-1]) if bids else ""
    end = " Liar!" if case.move == "liar" else f"{describe(case.move)} I bid {case.move}."
    yield f"I have {spell(dice)}, {total - len(dice)} dice are hidden.{last}{end}"


def goofspiel(case: Case) -> Iterator[str]:
    prize = case.numbers(r"The prize now: (\d+)")[0]
    mine, others = case.numbers(r"Your cards: ([\d, ]+)"), case.numbers(r"The other's cards: ([\d, ]+)")
    points = case.numbers(r"Points: (you \d+, the other \d+)")
    yield (
        f"Prize {prize}. Points {points[0]} to {points[1]}. Mine: {spell(mine)}. Other's: {spell(others)}. "
        f"I bid {case.move}."
    )


def guess_the_number(case: Case) -> Iterator[str]:
    low, high = 1, case.numbers(r"a number from 1 to (\d+)")[0]
    for guess, way in re.findall(r"You guessed (\d+): the number is (\w+)", case.text):
        low, high = (max(low, int(guess) + 1), high) if way == "higher" else (low, min(high, int(guess) - 1))
    begin = f"It is in {low} to {high}."
    yield f"{begin} I guess {case.move}."
    yield f"{begin} ({low}+{high})/2: {(low + high) // 2}."


def countdown(case: Case) -> Iterator[str]:
    """Replaces the innermost operation by its value, as on paper: any order of the same steps counts."""
    target = case.numbers(r"Target: (\d+)")[0]
    steps = [f"{a}{sign}{b}={_operate(a, sign, b)}" for a, sign, b in _operations(case.move)]
    value = str(Fraction(eval(re.sub(r"(\d+)", r"Fraction(\1)", case.move))))  # a generated expression
    for order in itertools.permutations(steps):
        yield f"{' '.join(f'{step}.' for step in order)} Target {target}, I make {value}.".strip()


def _operations(expression: str) -> Iterator[tuple[str, str, str]]:
    """The operations of an expression, each with the values of its sides."""
    tokens = re.findall(r"\d+|[-+*/()]", expression)
    values, signs = list[str](), list[str]()

    def reduce() -> tuple[str, str, str]:
        sign, b, a = signs.pop(), values.pop(), values.pop()
        values.append(_operate(a, sign, b))
        return a, sign, b

    for token in tokens:
        if token.isdigit():
            values.append(token)
        elif token == "(":
            signs.append(token)
        elif token == ")":
            while signs[-1] != "(":
                yield reduce()
            signs.pop()
        else:
            while signs and signs[-1] != "(" and (signs[-1] in "*/" or token in "+-"):
                yield reduce()
            signs.append(token)
    while signs:
        yield reduce()


def _operate(a: str, sign: str, b: str) -> str:
    x, y = Fraction(a), Fraction(b)
    return str({"+": x + y, "-": x - y, "*": x * y}[sign] if sign != "/" else x / y)


def frozen_lake(case: Case) -> Iterator[str]:
    row, column = case.numbers(r"You are in (row \d+, column \d+)")
    goal = case.numbers(r"The goal is in (row \d+, column \d+)")
    rows = [line.split() for line in case.text.split("\n") if re.fullmatch(r"([SFHGP] ?)+", line)]
    r, c = row - 1 + WAYS[case.move][0], column - 1 + WAYS[case.move][1]
    inside = 0 <= r < len(rows) and 0 <= c < len(rows)
    yield (
        f"I am at row {row}, column {column}; G at row {goal[0]}, column {goal[1]}. "
        f"{case.move} is {rows[r][c] if inside else 'the edge'}. I go {case.move}."
    )


def sokoban(case: Case) -> Iterator[str]:
    rows = [line for line in case.text.split("\n") if line.startswith("#")]
    cells = {(r, c): cell for r, line in enumerate(rows, 1) for c, cell in enumerate(line, 1)}
    ((r, c),) = [place for place, cell in cells.items() if cell in "@+"]
    boxes = spell(f"{a},{b}" for (a, b), cell in cells.items() if cell == "$")
    goals = spell(f"{a},{b}" for (a, b), cell in cells.items() if cell in ".+")
    does = "push" if cells[r + WAYS[case.move][0], c + WAYS[case.move][1]] in "$*" else "go"
    yield f"I am at {r},{c}. Boxes: {boxes}. Goals: {goals}. I {does} {case.move}."


def lewis_signaling(case: Case) -> Iterator[str]:
    rounds = re.findall(r"state (\w+), signal (\w+), guess (\w+):", case.text)
    if "You are the sender" in case.text:
        state = case.find(r"the state is (\w+)")
        led = [signal for _, signal, guess in rounds if guess == state]
        counts = ", ".join(f"{s} {led.count(s)}" for s in dict.fromkeys(led)) or "none"
        yield f"I see {state}. Signals that led to it: {counts}. I send {case.move}."
        return
    heard = case.find(r"signal is (\w+)")
    states = [state for state, signal, _ in rounds if signal == heard]
    counts = ", ".join(f"{s} {states.count(s)}" for s in dict.fromkeys(states)) or "none"
    yield f"I hear {heard}. States behind it so far: {counts}. I guess {case.move}."


GOODS = ("wood", "stone", "gold")


def _amounts(text: str, names: tuple[str, ...]) -> dict[str, int]:
    found = {re.sub(r"s$", "", name): int(n) for n, name in re.findall(r"(\d+) ([a-z]+)", text)}
    found = found or {name: int(n) for name, n in re.findall(r"([a-z]+) (\d+)", text)}
    return {name: found.get(name, 0) for name in names}


def _sum(amounts: dict[str, int], values: dict[str, int]) -> str:
    terms = [f"{n}*{values[name]}" for name, n in amounts.items() if n] or ["0"]
    return f"{'+'.join(terms)}={sum(n * values[name] for name, n in amounts.items())}"


def simple_negotiation(case: Case) -> Iterator[str]:
    values = _amounts(case.find(r"Your values: ([^.]*)"), GOODS)
    mine, others = _amounts(case.find(r"You have: ([^.]*)"), GOODS), _amounts(case.find(r"Other has: ([^.]*)"), GOODS)
    binding = case.move.partition(" | ")[0]
    if binding in ("accept", "deny"):
        give = _amounts(case.find(r"you give (.*?) and get"), GOODS)
        get = _amounts(case.find(r"and get (.*?)\."), GOODS)
        gain = sum((get[g] - give[g]) * values[g] for g in GOODS)
        yield f"I get {_sum(get, values)} and give {_sum(give, values)}: {gain:+d}. I {binding}."
    elif binding == "say":
        if not any(mine[g] and others[h] for g in GOODS for h in GOODS if g != h):
            yield "No trade is possible. I wait."
    elif offer := re.fullmatch(r"offer (\d) (\w+) -> (\d) (\w+)", binding):
        a, g, b, h = int(offer[1]), offer[2], int(offer[3]), offer[4]
        yield (
            f"I have {mine[g]} {g} worth {values[g]}; the other has {others[h]} {h}, to me {values[h]}. "
            f"{b}*{values[h]}-{a}*{values[g]}={b * values[h] - a * values[g]:+d}. I offer."
        )


ITEMS = ("book", "hat", "ball")


def _list(amounts: dict[str, int]) -> str:
    return " ".join(f"{n} {name}{'s' * (n != 1)}" for name, n in amounts.items() if n) or "nothing"


def _demand(words: str, counts: dict[str, int]) -> dict[str, int] | None:
    found = re.match(r"I take ([^.;]*)", words, re.IGNORECASE)
    if not found:
        return None
    said = found[1].strip()
    if said in ("nothing", "everything"):
        return counts if said == "everything" else dict.fromkeys(ITEMS, 0)
    return _amounts(said, ITEMS)


def deal_or_no_deal(case: Case) -> Iterator[str]:
    counts = _amounts(case.find(r"Items: ([^.]*)"), ITEMS)
    values = {name: int(n) for name, n in re.findall(r"each (\w+) (\d+)", case.text)}
    spoken = re.findall(r'^Other: [^"]*"(.*)"$|^(You: )', case.text, re.MULTILINE)
    demand = _demand(spoken[-1][0], counts) if spoken and spoken[-1][0] else None
    said = []
    if demand is not None:
        left = {name: counts[name] - demand[name] for name in ITEMS}
        said.append(f"The other leaves {_list(left)}: {_sum(left, values)} of 10.")
    reason = re.search(r"each (\w+) is worth (\d+) to me", case.move)
    assert not reason or values[reason[1]] == int(reason[2]) == max(values.values()), case.move
    takes = _demand(case.move.partition("|")[2].strip(), counts)
    if takes is not None:
        said.append(f"{_list(takes)} is {_sum(takes, values)} of 10.")
    yield f"{' '.join(said)} I {case.move.split()[0]}.".strip()


def taboo(case: Case) -> Iterator[str]:
    if "You are the describer" in case.text:
        word, forbidden = case.find(r"Secret word: (.*)\."), case.find(r"Forbidden: (.*)\.")
        yield f"My word is {word}. I avoid {forbidden}."
        return
    clues, guesses = re.findall(r'Clue \d+: "(.*)"', case.text), re.findall(r'Guess \d+: "(.*)"', case.text)
    wrong = ", ".join(guesses) or "none"
    yield f"Clue {len(clues)}: {clues[-1]}. Wrong so far: {wrong}. I guess {case.move}."


def twenty_questions(case: Case) -> Iterator[str]:
    data = json.loads((DATA / "twenty_questions.json").read_text(encoding="utf-8"))
    things, firsts = data["things"], [phrases[0] for phrases in data["attributes"]]
    left = list(things)
    for asked, answer in re.findall(r"^\d+\. (.*?)[?:] (.*)$", case.text, re.MULTILINE):
        if asked.startswith("guess "):
            left = [thing for thing in left if thing != asked.removeprefix("guess ")]
        elif asked in firsts:
            left = [thing for thing in left if _answer(things[thing], asked) == answer]
    named = f": {', '.join(left[:3])}" if len(left) <= 6 else ""
    does = "guess" if case.move.startswith("guess ") else "ask"
    yield f"Things that fit: {len(left)}{named}. I {does}."


def _answer(known: dict[str, list[str]], asked: str) -> str:
    return "yes" if asked in known.get("yes", ()) else "sometimes" if asked in known.get("sometimes", ()) else "no"


def who_is_the_spy(case: Case) -> Iterator[str]:
    word, own = case.find(r"Your word: (.*)\."), case.find(r"You are player (\d)")
    clues = re.findall(r'^(You|Player \d): "(.*)"$', case.text, re.MULTILINE)
    if not case.legal:
        yield f"My word is {word}. Clues so far: {len(clues)}. I say: {case.move}."
        return
    pair, side = _find_pair(word)
    counts = {player: 0 for player in case.legal if player != own}
    for speaker, clue in clues:
        player = speaker.removeprefix("Player ")
        if player in counts:
            counts[player] += _compare(clue, pair, side)
    shown = ", ".join(f"player {player} {n:+d}" for player, n in counts.items())
    yield f"Clues that fit {word}: {shown}. I vote {case.move}."


def _find_pair(word: str) -> tuple[dict[str, Any], int]:
    for row in map(json.loads, filter(None, _rows())):
        if word in row["words"]:
            return row, row["words"].index(word)
    raise AssertionError(f"{word!r} isn't in the list")


def _rows() -> list[str]:
    text = (DATA / "who_is_the_spy.json").read_text(encoding="utf-8").strip()
    return [line.rstrip(",") for line in text.strip("[]").split("\n")]


def _compare(clue: str, pair: dict[str, Any], side: int) -> int:
    def long(texts: list[str]) -> set[str]:
        letters = ["".join(c for c in w.lower() if c.isalnum()) for text in texts for w in text.split()]
        return {w for w in letters if len(w) > 3}

    both = long(pair["shared"])
    mine, others = (long([*pair["own"][s], pair["words"][s]]) - both for s in (side, 1 - side))
    lead = len(long([clue]) & (mine - others)) - len(long([clue]) & (others - mine))
    return (lead > 0) - (lead < 0)


PARTS = {
    "Merlin": "merlin", "Percival": "percival", "a loyal servant": "servant", "the Assassin": "assassin",
    "Morgana": "morgana", "a minion": "minion",
}  # fmt: skip


def avalon(case: Case) -> Iterator[str]:
    first = case.text.split("\n")[0]
    seat = case.find(r"You are player (\d+)")
    part = next(name for shown, name in PARTS.items() if f", {shown}" in first)
    said = [f"I am player {seat}, {part}."]
    if known := re.findall(r"\d+", first.partition(")")[2]):
        what = {"merlin": "Evil", "percival": "Merlin or Morgana"}.get(part, "Evil with me")
        said.append(f"{what}: {spell(known)}.")
    quests = re.split(r"^Quest \d+, team of \d+:$", case.text, flags=re.MULTILINE)[1:]
    done = [q for q in quests if re.search(r"^Quest \d+ (succeeded|failed)", q, re.MULTILINE)]
    fails = []
    for quest in done:
        team = re.findall(r"^Team \d+, proposed by .*?: ([\d, ]+)\.$", quest, re.MULTILINE)[-1]
        number = re.search(r"failed: (\d+) fail", quest)
        if number and int(number[1]):
            fails.append(f"{_spell_team(team)} ({number[1]})")
    if done:
        lost = case.numbers(r"succeeded: \d+, failed: (\d+)")[0]
        said.append(f"{lost} of {len(done)} quests failed. Fails: {', '.join(fails) or 'none'}.")
    teams = re.findall(r"^Team \d+, proposed by .*?: ([\d, ]+)\.$", quests[-1] if quests else "", re.MULTILINE)
    does = ""
    if "Vote on this team" in case.text or "Your turn to speak" in case.text:
        said.append(f"Team {_spell_team(teams[-1])}, rejected before: {len(teams) - 1}.")
        does = "vote" if "Vote on this team" in case.text else ""
        accused = re.fullmatch(r"I doubt player (\d+): team ([\d ]+) failed\.", case.move)
        if accused and any(fail.startswith(f"{accused[2]} (") for fail in fails) and accused[1] in accused[2].split():
            said.append(f"I doubt player {accused[1]} of {accused[2]}.")
            yield " ".join(said)
            return
    elif "You lead" in case.text:
        does = "propose"
    elif "You are on the quest" in case.text:
        does = "play"
    elif "Name the player" in case.text:
        does = "name"
    yield " ".join([*said, f"I {does} {case.move}." if does else "I speak."])


def _spell_team(text: str) -> str:
    return spell(re.findall(r"\d+", text))


def mini_hanabi(case: Case) -> Iterator[str]:
    ranks = case.setting("ranks")
    built = [(c, int(n)) for c, n in re.findall(r"(\w+) (\d)", case.find(r"Built: (.*?)\. Score"))]
    fits = ", ".join(f"{c} {n + 1}" for c, n in built if n < ranks)
    begin = f"Next: {fits}."
    if case.move.startswith("hint"):
        cards = ", ".join(re.findall(r"^  \d: (\w+ \d); knows", case.text, re.MULTILINE))
        hints = case.numbers(r"Hints: (\d)")[0]
        yield f"{begin} Partner: {cards}. {hints} hints left. I {case.move}."
        return
    number = case.move.split()[1]
    own = case.text.partition("Your cards, as far as you know:")[2]
    colours, rank = re.search(rf"^  {number}: (.*), (.*)$", own, re.MULTILINE).groups()  # type: ignore[union-attr]
    colours = " or ".join(c for c, _ in built) if colours == "any colour" else colours
    rank = " or ".join(map(str, range(1, ranks + 1))) if rank == "any rank" else rank.removeprefix("rank ")
    lives = case.numbers(r"Lives: (\d)")[0]
    yield f"{begin} My card {number} is {colours}, {rank}. {lives} lives left. I {case.move}."


def text_quest(case: Case) -> Iterator[str]:
    room = case.find(r"You are \w+ the ([^.]*)\. ")
    before, _, exits = case.text.partition("\nExits: ")
    carried = [re.sub(r"^(an?|the) ", "", thing) for thing in re.split(r", | and ", case.find(r"You carry: (.*)\."))]
    wanted = [thing.removeprefix("the ") for thing in case.find(r"Quest: put (.*) (?:in|on) the ").split(" and ")]
    closed = re.findall(r"the ([\w ]+) is (closed|locked)", exits.partition("\n")[0])
    closed += re.findall(r"The ([\w ]+?) is (closed|locked)", before)
    sought = ", ".join(thing for thing in wanted if thing not in carried) or "nothing"
    barred = ", ".join(f"{name} {how}" for name, how in closed) or "nothing"
    yield f"In the {room} with {', '.join(carried)}. Closed: {barred}. I seek {sought}. I {case.move}."


FACTS: dict[str, Callable[[Case], Iterator[str]]] = {
    "avalon": avalon, "breakthrough": breakthrough, "connect_four": connect_four, "countdown": countdown,
    "customs": customs, "deal_or_no_deal": deal_or_no_deal, "frozen_lake": frozen_lake, "goofspiel": goofspiel,
    "guess_the_number": guess_the_number, "iterated_prisoners_dilemma": matrix_game, "kuhn_poker": kuhn_poker,
    "leduc_poker": leduc_poker, "lewis_signaling": lewis_signaling, "liars_dice": liars_dice,
    "matrix_game": matrix_game, "mini_hanabi": mini_hanabi, "nim": nim, "number_poker": number_poker,
    "pig_dice": pig_dice, "reverse_tictactoe": reverse_tictactoe, "simple_negotiation": simple_negotiation,
    "sokoban": sokoban, "stag_hunt": matrix_game, "taboo": taboo, "text_quest": text_quest, "tictactoe": tictactoe,
    "twenty_questions": twenty_questions, "who_is_the_spy": who_is_the_spy,
}  # fmt: skip
