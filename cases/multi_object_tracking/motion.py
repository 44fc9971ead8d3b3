"""Where tracks are expected: a Kalman filter of constant velocity for many boxes at once, in numpy.

State and noise are those of Wojke, Bewley, Paulus: Simple Online and Realtime Tracking with a Deep Association Metric,
arXiv 1703.07402, section 2.1: centre x and y, aspect (width / height) and height, each with its velocity. All noise is
diagonal there, so that each of the four is a filter of its own, with a position, a velocity and a 2x2 covariance.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: Standard deviations of a place and of a velocity, as shares of the height.
PLACE, VELOCITY = 1 / 20, 1 / 160


def measured(boxes: Numbers) -> Numbers:
    """Boxes (M x 4: left, top, right, bottom) as M x 4: centre x, centre y, aspect, height."""
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.stack((middle[:, 0], middle[:, 1], size[:, 0] / size[:, 1], size[:, 1]), axis=1)


def boxed(places: Numbers) -> Numbers:
    """The boxes that `measured` takes to these places."""
    half = np.stack((places[:, 2] * places[:, 3], places[:, 3]), axis=1) / 2
    return np.concatenate((places[:, :2] - half, places[:, :2] + half), axis=1)


def noise(height: Numbers, share: float, aspect: float) -> Numbers:
    """Variances (M x 4), from heights (M) and the deviation of the aspect."""
    deviation = np.repeat(np.maximum(height, 1e-6)[:, None] * share, 4, axis=1)
    deviation[:, 2] = aspect
    return deviation**2


@dataclass
class Motion:
    """Of T tracks: places and velocities (T x 4) and their variances and covariance (T x 4 each)."""

    place: Numbers
    velocity: Numbers
    place_variance: Numbers
    covariance: Numbers
    velocity_variance: Numbers

    @classmethod
    def begun(cls, boxes: Numbers) -> Motion:
        """Tracks that begin with these boxes and stand still."""
        place = measured(boxes)
        height, still = place[:, 3], np.zeros_like(place)
        variances = noise(height, 2 * PLACE, 1e-2), still.copy(), noise(height, 10 * VELOCITY, 1e-5)
        return cls(place, still, *variances)

    def of(self, chosen: NDArray[np.bool_]) -> Motion:
        """Of some of the tracks."""
        return Motion(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def with_more(self, others: Motion) -> Motion:
        """Of these tracks and others."""
        pairs = ((getattr(self, field.name), getattr(others, field.name)) for field in fields(self))
        return Motion(*(np.concatenate(pair) for pair in pairs))

    def predict(self) -> None:
        """Goes on by a frame."""
        height = self.place[:, 3]
        self.place = self.place + self.velocity
        self.place_variance = self.place_variance + 2 * self.covariance + self.velocity_variance
        self.place_variance += noise(height, PLACE, 1e-2)
        self.covariance = self.covariance + self.velocity_variance
        self.velocity_variance = self.velocity_variance + noise(height, VELOCITY, 1e-5)

    def distances(self, boxes: Numbers) -> Numbers:
        """Squared Mahalanobis distances of boxes from where the tracks are expected (T x M)."""
        variance = self.place_variance + noise(self.place[:, 3], PLACE, 1e-1)
        return ((measured(boxes)[None] - self.place[:, None]) ** 2 / variance[:, None]).sum(-1)

    def correct(self, index: NDArray[np.int64], boxes: Numbers) -> None:
        """Tells the tracks of an index the boxes that they were found with."""
        variance = self.place_variance[index] + noise(self.place[index, 3], PLACE, 1e-1)
        surprise = measured(boxes) - self.place[index]
        gain, push = self.place_variance[index] / variance, self.covariance[index] / variance
        self.place[index] += gain * surprise
        self.velocity[index] += push * surprise
        self.velocity_variance[index] -= push * self.covariance[index]
        self.covariance[index] *= 1 - gain
        self.place_variance[index] *= 1 - gain
