"""Everything at once, at random: ``python -m tests.chaos --seconds 600 --seed 1``."""
