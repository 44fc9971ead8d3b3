"""Runs on every node: supervises the launch, samples its cards, reads its log, writes records.

`python -m pytest_sixdim.agent ORDER.json`; docs/formats.md says what it reads and writes. Standard library only.
"""
