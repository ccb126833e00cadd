"""Deal or no deal: two players talk about a division of items, then each proposes one in secret."""

from mirrormatch.games.talk.deal_or_no_deal.rules import DealOrNoDeal

__all__ = ["GAME", "DealOrNoDeal"]

GAME = DealOrNoDeal()
