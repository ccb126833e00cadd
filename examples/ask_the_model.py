"""Lets the bundled model play 20 games against the equilibrium, all at once, and shows one of its thoughts."""

import asyncio

from mirrormatch import agents, games, play


async def main() -> None:
    game = games.get("kuhn_poker")
    seats = [agents.get("nano"), agents.get("optimal")]
    episodes = await asyncio.gather(*(play(game, seats, seed) for seed in range(20)))
    print("first episode's thought:", episodes[0].turns[0].thinking)
    print("mean return over 20 games:", sum(e.returns[0] for e in episodes) / len(episodes))


asyncio.run(main())
