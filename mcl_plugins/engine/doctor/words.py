"""What a training has shown, in words."""

from __future__ import annotations

from typing import Any

from ...algorithms.base import PretrainingMethod
from .chart import Chart


def moved(fallen: float) -> str:
    """Say by which share of its first value a loss has fallen, or risen.

    Example:
        >>> moved(0.25), moved(-0.08)
        ('fallen by 25%', 'risen by 8%')
    """
    return f'fallen by {fallen:.0%}' if fallen >= 0 else f'risen by {-fallen:.0%}'


def describe_health(chart: Chart) -> str:
    """Return what it means that nothing was said of a training."""
    if chart.can_judge:
        return 'nothing unusual.'
    return (
        'the training was too short to be judged: most illnesses have to last '
        f'{chart.patience} steps after the warm-up, at two looks at least.'
    )


def describe_reference(model: Any, chart: Chart) -> str:
    """Return how far the loss has fallen beside the pocket benchmark's, or why this is unknown."""
    reference = chart.facts.reference
    if not isinstance(model, PretrainingMethod):
        return ''
    if reference is None:
        return (
            f'The fall of the loss was compared with no other: the pocket benchmark has no run of '
            f'{type(model).__name__} that is no longer than this training.'
        )
    if not chart.facts.sees_beginning:
        return (
            'The fall of the loss was compared with no other: the beginning, with random weights, '
            'was not seen.'
        )
    fallen = [look.values['fallen'] for look in chart.looks if 'fallen' in look.values]
    if not fallen:
        return ''
    return (
        f'The loss has {moved(fallen[-1])}; in {reference.name} it has '
        f'{moved(reference.fallen(1.0))}.'
    )


def describe_state(chart: Chart) -> str:
    """Return the numbers of the last look by which a training is judged, in words."""
    looks = (look.values for look in reversed(chart.looks) if 'loss' in look.values)
    values = next(looks, {})
    words = []
    for name, value in values.items():
        if name.startswith('of_chance'):
            words.append(f'the contrastive loss is {value:.0%} of chance{name[9:]}')
        elif name.startswith('top1'):
            words.append(f'{value:.0%} of the keys are found{name[4:]}')
        elif name.startswith('key_rank'):
            words.append(f'the keys have rank {value:.1f}{name[8:]}')
        elif name == 'waiting':
            words.append(f'{value:.0%} of the time waits for data')
    text = ', '.join(words)
    return f'At the end {text}.' if text else ''
