"""What a bundle remembers of its training for the monitors: the record `reference.json`, read and written.

`model.steps.profile` makes it. Bundles of before format 2 hold shares only: their drift is measured with noise from
the chi-square approximation, and what needs more (quality, concept, estimates) is reported as not measurable.
"""

from __future__ import annotations

from dataclasses import field, replace

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from model.derived.monitors import Statistic
from model.errors import BundleError, bounded

FORMAT = 2


@dataclass(frozen=True)
class Null:
    """A statistic's mean and variance when nothing has changed, by window size, from resamples of the reference.

    Both are of the statistic divided by (1/n + 1/m), n rows in the window and m in the reference: on that scale they
    hardly depend on n, and what lies between two sizes is interpolated.
    """

    sizes: tuple[int, ...]
    means: tuple[float, ...]
    variances: tuple[float, ...]


@dataclass(frozen=True)
class Profile:
    """How the values of a column (or scores, or residuals) were distributed.

    shares: of the present values by bin: between `edges` (the outer bins are open), or of each of `values`.
    rows: how many values were present, of `total` rows. missing: share of rows without one. once: values seen once.
    grid, below: a finer set of edges, and the share of values below each, for the Wasserstein distance.
    minimum, maximum, deviation: of the present values; None where there is no such thing.
    """

    shares: tuple[float, ...] = ()
    statistic: Statistic = "psi"
    missing: float = 0.0
    rows: int = 0
    total: int = 0
    edges: tuple[float, ...] = ()
    values: tuple[int | str, ...] = ()
    once: int = 0
    grid: tuple[float, ...] = ()
    below: tuple[float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    deviation: float | None = None
    null: Null | None = None


@dataclass(frozen=True)
class Outcomes:
    """How often the outcome came true by score, out of fold: the positive class, or the answer being right.

    edges: inner edges of the score bins; rows, hits: counts by bin.
    """

    edges: tuple[float, ...]
    rows: tuple[int, ...]
    hits: tuple[int, ...]
    null: Null | None = None


@dataclass(frozen=True)
class Calibration:
    """From a score to the chance of the outcome, fitted on rows that their model never saw (`steps.calibration`).

    weights: of 1, ln s and -ln(1 - s) in the chance's logit. covariance: of the weights, for the estimates' intervals.
    floor: how near to 0 and 1 a score is taken for what it says.
    """

    weights: tuple[float, float, float]
    covariance: tuple[tuple[float, float, float], ...]
    floor: float


@dataclass(frozen=True)
class Expected:
    """A measure of quality on out-of-fold predictions, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reference:
    """All that is remembered. rows: of the training part."""

    rows: int
    columns: dict[str, Profile]
    scores: Profile
    format: int = 1
    outcomes: Outcomes | None = None
    residuals: Profile | None = None
    calibration: Calibration | None = None
    quality: dict[str, Expected] = field(default_factory=dict)

    def to_json(self) -> str:
        """What `from_json` reads."""
        return _ADAPTER.dump_json(self, indent=1).decode()

    @staticmethod
    def from_json(text: str | bytes) -> Reference:
        """The record of a bundle. Raises BundleError when it is not one, or one of a later format."""
        try:
            found = _ADAPTER.validate_json(text)
        except ValidationError as error:
            raise BundleError(f"reference.json cannot be read: {bounded(error)}: train again") from error
        if found.format > FORMAT:
            raise BundleError(f"reference.json has format {found.format}, which needs a later version of this package")
        return found if found.format == FORMAT else _completed(found)


_ADAPTER: TypeAdapter[Reference] = TypeAdapter(Reference)


def _completed(old: Reference) -> Reference:
    """A record of format 1 with the counts that it did not spell out."""
    columns = {
        name: replace(profile, rows=round(old.rows * (1 - profile.missing)), total=old.rows)
        for name, profile in old.columns.items()
    }
    return replace(old, columns=columns, scores=replace(old.scores, rows=old.rows, total=old.rows))
