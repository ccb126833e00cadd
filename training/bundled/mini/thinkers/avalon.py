"""The thinker of Avalon: it names its part, what it knows, and which teams have failed."""

from mirrormatch.games.talk.avalon import state as avalon
from mirrormatch.training.bundled.mini.thought import Sight, Thought, draw_move, join_words

_ACCUSES = 0.5  # probability that a player accuses a member of a failed team, if there is one
_KNOWS = {avalon.MERLIN: "Evil", avalon.PERCIVAL: "Merlin or Morgana"}  # what `View.known` is to a part


def think_avalon(sight: Sight) -> Thought:
    """Says what it knows about the team under discussion and about the quests so far."""
    view: avalon.View = sight.view
    board = view.board
    said = [f"I am player {view.role + 1}, {view.own}."]
    if view.known:
        said.append(f"{_KNOWS.get(view.own, 'Evil with me')}: {_name(view.known)}.")
    failed = [f"{_name(quest.proposals[-1].team)} ({quest.fails})" for quest in board.quests if quest.fails]
    if board.quests:
        said.append(f"{board.num_lost} of {len(board.quests)} quests failed. Fails: {', '.join(failed) or 'none'}.")
    if board.stage in (avalon.TALK, avalon.VOTE):
        said.append(f"Team {_name(board.team)}, rejected before: {len(board.proposals)}.")
    if board.stage == avalon.TALK and (accused := _find_accused(sight, view)):
        player, team = accused
        return Thought(
            f"{' '.join(said)} I doubt player {player} of {team}.", f"I doubt player {player}: team {team} failed."
        )
    move = draw_move(sight)
    ends = {avalon.PROPOSE: "propose", avalon.VOTE: "vote", avalon.QUEST: "play", avalon.ASSASSINATE: "name"}
    return Thought(" ".join((*said, f"I {ends[board.stage]} {move}." if board.stage in ends else "I speak.")), move)


def _find_accused(sight: Sight, view: avalon.View) -> tuple[int, str] | None:
    """A member of a failed team, other than the speaker and the evil players whom it covers for; None most times."""
    covered = view.known if view.own in avalon.EVIL else ()
    teams = [quest.proposals[-1].team for quest in view.board.quests if quest.fails]
    suspects = [(p + 1, _name(team)) for team in teams for p in team if p != view.role and p not in covered]
    return sight.rng.choice(suspects) if suspects and sight.rng.random() < _ACCUSES else None


def _name(players: avalon.Team) -> str:
    return join_words([p + 1 for p in players])


THINKERS = {"avalon": think_avalon}
