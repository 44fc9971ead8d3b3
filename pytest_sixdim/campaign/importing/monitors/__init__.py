"""Logs of monitors that sampled cards while a run went on."""
