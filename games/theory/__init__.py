"""Game theory: playouts, information states, best responses and extensive-form files of any game; matrix games."""
