"""What the ledger's history answers: which checkpoint is best, what training has changed, what is behind a warning."""
