"""Plays one game of Kuhn poker between two agents and prints its moves and result."""

import asyncio

from mirrormatch import agents, games, play


async def main() -> None:
    game = games.get("kuhn_poker")
    episode = await play(game, [agents.get("optimal"), agents.get("random")], seed=7)
    for turn in episode.turns:
        print(f"{game.info.roles[turn.role]}: {turn.action}")
    print(f"dealt {episode.deal}, returns {episode.returns}, outcome {episode.outcome}")


asyncio.run(main())
