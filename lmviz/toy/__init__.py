"""A language whose right answers are known, and the small GPT-2 trained on it."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
