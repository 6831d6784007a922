"""What a person sees in a terminal: tables of checkpoints and metrics, and the live display of a service."""
