"""A vendor's command-line tool: run it, and read cards from what it prints, as a profile describes it."""
