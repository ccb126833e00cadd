"""Play: games between the players that the matchmaker seats."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mirrormatch import games
from mirrormatch.agents.engines._engine import LocalEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.types import Agent, Episode, seat_name
from mirrormatch.seeds import derive
from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.matchmaker import Seat
from mirrormatch.training.source import Context, Experience
from mirrormatch.training.trajectories import extract_trajectories
from mirrormatch.training.types import NoState


class Play(NoState):
    """Plays a step's episodes, all at once, with the newest policies.

    The games take turns; episodes of one deal (`play.samples_per_deal`) follow each other and differ in the replies'
    seeds only. Chance is the same for every matchmaker. Games that a killed process finished are read again; with an
    engine in this process only once all of a step's games are finished, so that a resumed run ends with the same bits.
    """

    Settings = PluginSettings
    needs = frozenset[str]()

    def __init__(self, settings: PluginSettings, context: Context) -> None:
        del settings
        self._context = context

    async def take(self, step: int) -> Experience:
        seatings = list(self._seatings(step))
        agents = {p: self._context.roster.agent(p) for p in sorted({s.player for seats in seatings for s in seats})}

        log = self._context.open_log(step)
        finished = log.read_finished()
        if len(finished) < len(seatings) and any(map(_is_local, agents.values())):
            log.clear()  # played in other batches, the rest would differ in its last bits
            finished = {}

        async def play_one(k: int, seats: Sequence[Seat]) -> Episode:
            deal, sample = divmod(k, self._context.samples_per_deal)
            players = [agents[seat.player] for seat in seats]
            known = finished.get(k)
            if known is not None and known.seats == tuple(map(seat_name, players)):
                return known
            episode = await play(games.get(self._game(deal)), players, self._deal_seed(step, deal), sample=sample)
            episode = replace(episode, players=tuple(seat.player for seat in seats))
            log.append(k, episode)
            return episode

        jobs = (functools.partial(play_one, k, seats) for k, seats in enumerate(seatings))
        episodes = await run_all(jobs, self._context.in_flight)
        forfeits = self._context.forfeits
        pairs = enumerate(zip(episodes, seatings, strict=True))
        found = [t for k, (e, seats) in pairs for t in extract_trajectories(e, k, seats, step, forfeits)]
        return Experience(episodes, found)

    def _seatings(self, step: int) -> Iterator[tuple[Seat, ...]]:
        """The seats of every episode of the step, in order."""
        num_games = len(self._context.games)
        num_deals = self._context.episodes // self._context.samples_per_deal
        for k in range(self._context.episodes):
            deal = k // self._context.samples_per_deal
            roles = games.get(self._game(deal)).info.roles
            num_of_game = len(range(deal % num_games, num_deals, num_games))
            number = step * num_of_game + deal // num_games
            yield self._context.matchmaker.seat_players(roles, number, derive(self._deal_seed(step, deal), "seats"))

    def _game(self, deal: int) -> str:
        return self._context.games[deal % len(self._context.games)]

    def _deal_seed(self, step: int, deal: int) -> int:
        return derive(self._context.seed, "train", step, deal)


def _is_local(agent: Agent) -> bool:
    """Whether the agent is a model of this process, whose results depend on the batch that computes them."""
    return isinstance(agent, LLMAgent) and isinstance(agent.engine, LocalEngine)


SOURCE = Play
