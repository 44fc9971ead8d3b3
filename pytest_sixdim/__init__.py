"""pytest-sixdim: model cases as benchmark tests of AI accelerators."""

__version__ = "0.1.0"
