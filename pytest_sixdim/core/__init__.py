"""The vocabulary and the arithmetic. Standard library only."""
