"""Means, differences between runs of the same seed, and what they say."""

from __future__ import annotations

from statistics import mean, stdev

from scipy.stats import t as student

CONFIDENCE = 0.9  # of the two-sided interval around a mean


def values(records: dict[str, dict], row: str, metric: str) -> dict[int, float]:
    """Return a metric of a row by seed."""
    found = {}
    for name, record in records.items():
        start, _, seed = name.rpartition('/')
        if start == row and metric in record['metrics']:
            found[int(seed)] = record['metrics'][metric]
    return dict(sorted(found.items()))


def spread(numbers: list[float]) -> str:
    """Format mean and standard deviation; one number has no deviation.

    Example:
        >>> spread([1.0, 2.0, 3.0]), spread([4.0]), spread([])
        ('2.0 ± 1.0', '4.0', '')
    """
    if len(numbers) < 2:
        return ''.join(f'{number:.1f}' for number in numbers)
    return f'{mean(numbers):.1f} ± {stdev(numbers):.1f}'


def signed(effects: list[float]) -> str:
    """Format differences: as :func:`spread`, with a sign.

    Example:
        >>> signed([1.0, 2.0, 3.0]), signed([-4.0])
        ('+2.0 ± 1.0', '-4.0')
    """
    text = spread(effects)
    return text if not text or text.startswith('-') else f'+{text}'


def differences(
    records: dict[str, dict], row: str, base: dict[str, dict], base_row: str, metric: str
) -> list[float]:
    """Return how much higher a row's metric is than that of another, for each seed of both."""
    ours, theirs = values(records, row, metric), values(base, base_row, metric)
    return [ours[seed] - theirs[seed] for seed in ours if seed in theirs]


def verdict(effects: list[float], sign: int) -> str:
    """Say whether differences between paired runs have the paper's sign.

    They are within the noise if the 90 % interval of Student's t around their mean contains 0.
    Where the paper has no sign (0), the verdict is what was measured.

    Example:
        >>> verdict([-3.0, -4.0, -5.0], -1), verdict([3.0, 4.0, 5.0], -1), verdict([-3.0, 4.0], -1)
        ('agrees', 'disagrees', 'within noise')
        >>> verdict([-3.0, -4.0, -5.0], 0)
        'worse'
    """
    count = len(effects)
    if count < 2:
        return 'one seed'
    half = student.ppf((1 + CONFIDENCE) / 2, count - 1) * stdev(effects) / count**0.5
    if abs(mean(effects)) <= half:
        return 'within noise'
    better = mean(effects) > 0
    if not sign:
        return 'better' if better else 'worse'
    return 'agrees' if better == (sign > 0) else 'disagrees'
