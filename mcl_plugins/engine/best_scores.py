"""The best value of a metric goes on in a resumed training that keeps the best by the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.logging import MessageHub

RULES = 'best_rules'  # the hub's note of the metrics that its best values are of
_SCORE, _FILE = 'best_score', 'best_ckpt'  # MMEngine's notes; of several metrics with their names


class Best(NamedTuple):
    """The best checkpoint by a metric.

    Attributes:
        metric: its name; '' if it is not known.
        rule: ``greater`` or ``less``.
        score: its value.
        file: name or path of the checkpoint; None if it is not known.
    """

    metric: str
    rule: str
    score: Any
    file: str | None


def carry_over(hub: MessageHub, rules: Mapping[str, str]) -> list[Best]:
    """Keep of the noted best values those of the same metrics and rules, where MMEngine reads them.

    MMEngine notes the best value of a single metric without its name. A training that is resumed
    with another ``save_best`` would compare it with that one's values, and delete its checkpoint.

    Args:
        hub: of the training, with the notes of a checkpoint if it is resumed.
        rules: rule of each metric by which the best checkpoint is kept now.

    Returns:
        What is no longer compared; the checkpoints stay.

    Example:
        >>> hub = MessageHub.get_instance('an example of carry_over')
        >>> carry_over(hub, {'acc': 'greater'})
        []
        >>> hub.update_info('best_score', 80.0)
        >>> [best.score for best in carry_over(hub, {'loss': 'less'})]
        [80.0]
        >>> 'best_score' in hub.runtime_info
        False
    """
    infos = hub.runtime_info
    before = list(_noted(infos, rules))
    for name in [name for name in infos if name.startswith((_SCORE, _FILE))]:
        del infos[name]
    hub.update_info(RULES, dict(rules))
    dropped = []
    for best in before:
        if rules.get(best.metric) != best.rule:
            dropped.append(best)
            continue
        suffix = _suffix(best.metric, rules)
        hub.update_info(_SCORE + suffix, best.score)
        if best.file is not None:
            hub.update_info(_FILE + suffix, best.file)
    return dropped


def _suffix(metric: str, rules: Mapping[str, str]) -> str:
    return f'_{metric}' if len(rules) > 1 else ''


def _noted(infos: Mapping[str, Any], rules: Mapping[str, str]) -> Iterator[Best]:
    """Yield what is noted; what a file of before says of no rule counts as of that of now."""
    noted = infos.get(RULES)
    before = noted if isinstance(noted, dict) else _guess(infos, rules)
    for metric, rule in before.items():
        suffix = _suffix(metric, before)
        if (score := infos.get(_SCORE + suffix)) is not None:
            yield Best(metric, rule, score, infos.get(_FILE + suffix))


def _guess(infos: Mapping[str, Any], rules: Mapping[str, str]) -> dict[str, str]:
    """Return metrics and rules of notes that do not say them, as MMEngine's.

    The only metric is known by the name of its checkpoint.
    """
    beginning = f'{_SCORE}_'
    metrics = [name.removeprefix(beginning) for name in infos if name.startswith(beginning)]
    if _SCORE in infos:
        file = str(infos.get(_FILE, '')).replace('\\', '/').rpartition('/')[2]
        parts = (metric for metric in rules if file.startswith(f'best_{metric}_'.replace('/', '_')))
        metrics = [max(parts, key=len, default='')]
    return {metric: rules.get(metric, '') for metric in metrics}
