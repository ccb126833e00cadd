"""The texts that a game of Avalon shows. They are made from a player's view alone."""

import functools

from mirrormatch.games.player_text import quote_message
from mirrormatch.games.talk.avalon.state import (
    ASSASSIN,
    ASSASSINATE,
    BALLOT,
    END,
    EVIL,
    MAX_PROPOSALS,
    MERLIN,
    MINION,
    MORGANA,
    NOT_DEALT,
    PERCIVAL,
    PROPOSE,
    QUEST,
    SERVANT,
    TALK,
    VOTE,
    Board,
    Ending,
    Proposal,
    Report,
    Setup,
    Team,
    View,
)
from mirrormatch.games.types import Action

SHOWN_STATEMENTS = 20  # the latest ones: a talk of 250 statements is nothing to read before every move
ROLE_NAMES = {
    MERLIN: "Merlin", PERCIVAL: "Percival", SERVANT: "a loyal servant",
    ASSASSIN: "the Assassin", MORGANA: "Morgana", MINION: "a minion",
}  # fmt: skip

_NUM_CACHED = 4_096  # results of each function that rendering calls again and again


def render_view(setup: Setup, view: View) -> str:
    """The player's role, the finished quests, the quest under way, and the request for a move or the result."""
    if not view.own:
        return "The roles are not dealt yet."
    board, role = view.board, view.role
    lines = [_introduce_player(role, view.own, view.known, setup.num_players)]
    unshown = board.num_statements - SHOWN_STATEMENTS
    for k, quest in enumerate(board.quests):
        lines.append(f"Quest {k + 1}, team of {setup.team_sizes[k]}:")
        lines += _list_proposals(setup, quest.proposals, quest.reports, role, unshown)
        lines.append(_describe_result(k, quest.fails, setup.fails_needed(k), view.cards[k]))
        unshown -= setup.num_statements * len(quest.proposals)
    num_proposals = len(board.proposals)
    if board.stage not in (ASSASSINATE, END) or num_proposals:
        lines.append(f"Quest {len(board.quests) + 1}, team of {setup.team_sizes[len(board.quests)]}:")
        lines += _list_proposals(setup, board.proposals, board.reports, role, unshown)
        unshown -= setup.num_statements * num_proposals
    if board.stage in (TALK, VOTE):
        lines.append(_describe_team(num_proposals + 1, board.leader, board.team))
        lines += _list_statements(board.leader, board.statements, setup.num_players, role, unshown)
    if view.ending is not None:
        return "\n".join([*lines, _describe_ending(board, view.ending)])
    return "\n".join([*lines, _describe_score(board), _request_move(setup, view)])


def report_proposal(number: int, proposal: Proposal) -> Report:
    """The proposal in words: one text for each player, then one without statements."""
    seats = range(len(proposal.votes))
    return (
        *(_describe_proposal(number, proposal, role, 0) for role in seats),
        _describe_proposal(number, proposal, 0, len(proposal.statements)),
    )


def _list_proposals(
    setup: Setup, proposals: tuple[Proposal, ...], reports: tuple[Report, ...], role: int, unshown: int
) -> list[str]:
    """A quest's proposals, without the first `unshown` statements."""
    lines = list[str]()
    for k, report in enumerate(reports):
        if unshown <= 0:
            lines.append(report[role])
        elif unshown >= setup.num_statements:
            lines.append(report[-1])
        else:
            lines.append(_describe_proposal(k + 1, proposals[k], role, unshown))
        unshown -= setup.num_statements
    return lines


def _describe_proposal(number: int, proposal: Proposal, role: int, unshown: int) -> str:
    """A proposed team, the statements about it without the first `unshown` ones, and the votes."""
    leader, team, statements, votes = proposal
    lines = _list_statements(leader, statements, len(votes), role, unshown)
    return "\n".join([_describe_team(number, leader, team), *lines, _count_votes(votes)])


def _list_statements(leader: int, statements: tuple[str, ...], num_players: int, role: int, unshown: int) -> list[str]:
    """The statements about a team, the leader's first, without the first `unshown` ones."""
    lines = list[str]()
    for k in range(max(unshown, 0), len(statements)):
        if statements[k]:
            speaker = (leader + k) % num_players
            lines.append(f"{'You' if speaker == role else f'Player {speaker + 1}'}: {_quote(statements[k])}")
    return lines


def _describe_score(board: Board) -> str:
    won = len(board.quests) - board.num_lost
    rejected = len(board.proposals) - (board.stage == QUEST)
    return (
        f"Quests succeeded: {won}, failed: {board.num_lost}. "
        f"Teams rejected for this quest: {rejected} of {MAX_PROPOSALS}."
    )


def _request_move(setup: Setup, view: View) -> str:
    """The request for the player's move, or the move that is awaited from another player."""
    board, role = view.board, view.role
    if board.stage == PROPOSE:
        if board.leader != role:
            return f"Player {board.leader + 1} leads and proposes a team."
        return f"You lead: propose a team of {setup.team_sizes[len(board.quests)]}."
    if board.stage == TALK:
        speaker = (board.leader + len(board.statements)) % setup.num_players
        if speaker != role:
            return f"Player {speaker + 1} speaks."
        return "Your turn to speak: say something about this team, or 'pass'."
    if board.stage == VOTE:
        last = " If it is rejected, evil wins." if len(board.proposals) == MAX_PROPOSALS - 1 else ""
        request = f"Vote on this team: 'yes' or 'no'.{last}"
        return request if view.vote is None else f"You voted {BALLOT[view.vote]}."
    if board.stage == QUEST:
        if role not in board.proposals[-1].team:
            return "The team is on its quest."
        cards = "'success' or 'fail'" if view.own in EVIL else "'success'"
        return f"You played {view.card}." if view.card else f"You are on the quest: play {cards}."
    if view.own != ASSASSIN:
        return "The Assassin names the player it takes for Merlin."
    return "Name the player that you take for Merlin."


def _describe_ending(board: Board, ending: Ending) -> str:
    roles = ", ".join(f"player {k + 1} {ROLE_NAMES[role]}" for k, role in enumerate(ending.roles))
    if ending.named != NOT_DEALT:
        hit = ending.roles[ending.named] == MERLIN
        why = f"The Assassin named player {ending.named + 1}, who was {'' if hit else 'not '}Merlin"
        return f"{why}: {'evil' if hit else 'good'} won. Roles: {roles}."
    why = "Five teams were rejected" if board.proposals else "Three quests failed"
    return f"{why}: evil won. Roles: {roles}."


@functools.lru_cache(_NUM_CACHED)
def _list_players(players: Team) -> str:
    return ", ".join(str(p + 1) for p in players) or "none"


@functools.lru_cache(_NUM_CACHED)
def _introduce_player(role: int, own: str, known: Team, num_players: int) -> str:
    """The player's number and role, and the players that it knows."""
    side = "evil" if own in EVIL else "good"
    know = {
        MERLIN: f" Evil: {_list_players(known)}.",
        PERCIVAL: f" Merlin and Morgana are {_list_players(known)}, in one order or the other.",
    }.get(own, f" Evil beside you: {_list_players(known)}." if side == "evil" else "")
    return f"You are player {role + 1} of {num_players}, {ROLE_NAMES[own]} ({side}).{know}"


@functools.lru_cache(_NUM_CACHED)
def _describe_team(number: int, leader: int, team: Team) -> str:
    return f"Team {number}, proposed by player {leader + 1}: {_list_players(team)}."


@functools.lru_cache(_NUM_CACHED)
def _quote(statement: str) -> str:
    return quote_message(statement)


@functools.lru_cache(_NUM_CACHED)
def _count_votes(votes: tuple[bool, ...]) -> str:
    yes, no = (_list_players(tuple(p for p, vote in enumerate(votes) if vote == way)) for way in (True, False))
    return f"Yes: {yes}. No: {no}. {'Approved' if 2 * sum(votes) > len(votes) else 'Rejected'}."


@functools.lru_cache(_NUM_CACHED)
def _describe_result(quest: int, fails: int, needed: int, own: Action) -> str:
    result = "failed" if fails >= needed else "succeeded"
    card = f" You played {own}." if own else ""
    return f"Quest {quest + 1} {result}: {fails} {'fail' if fails == 1 else 'fails'}.{card}"
