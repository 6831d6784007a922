"""Where checkpoints come from: a directory that a trainer writes into, or a list of them."""
