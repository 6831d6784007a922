"""Brings a checkpoint out of the trainer's reach, and proves that what is staged is what was inspected."""
