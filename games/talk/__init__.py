"""Games of talk: negotiation, clues, deduction and hidden roles."""
