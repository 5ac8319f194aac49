"""Rounds of trials as a worker carries them out."""
