"""Game theory over any small game: random playouts, information states, best responses, extensive-form files."""
