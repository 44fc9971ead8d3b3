"""What follows from a model's size."""


def spread(width: int) -> float:
    """The standard deviation of first weights: the published 0.02 at the published width of 1024.

    A narrower model's sums of `width` products begin as large as the published model's.
    """
    return 0.02 * (1024 / width) ** 0.5
