"""The chain of trainings and evaluations that a row of a table stands for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from mmengine.config import Config

from .rows import Row, is_transfer

ENCODER = 'model.backbone.init_cfg.checkpoint'
TEACHER = 'model.teacher.backbone.init_cfg.checkpoint'
# Where a classifier, or a benchmark whose weights no further stage needs, has its name.
_ENDS = re.compile(r'linear|partial')
_OUTPUT = re.compile(r'work_dirs/(.+)/epoch_\d+\.pth$')


@dataclass(frozen=True)
class Stage:
    """A training of a chain, or an evaluation of frozen features.

    Attributes:
        name: number and config, the name of its folder.
        config: relative to ``configs/``.
        kind: a training, or a retrieval with the features of the earlier stage's encoder.
        option: option of the config that gets the checkpoint of ``source``; None if it starts from
            random weights.
        source: name of the stage whose last checkpoint it starts from.
        file: checkpoint of another code's training from which the config starts; '' for none, or if
            the config does not say which.
        tested: evaluate its last checkpoint on the test set.
        tta: average the predictions over augmented copies of each image.
    """

    name: str
    config: str
    kind: Literal['train', 'retrieval']
    option: str | None
    source: str | None
    tested: bool
    tta: bool = False
    file: str = ''

    @property
    def is_foreign(self) -> bool:
        """Whether it starts from a checkpoint that no stage trains."""
        return self.option is not None and self.source is None


def plan(row: Row, read: Callable[[str], Config]) -> list[Stage]:
    """Return the stages of a row in their order.

    A classifier starts from the pre-training; one that names ``load_from`` goes on from the
    classifier before it. Segmentors and detectors start from the last fine-tuned classifier, or
    from the pre-training if the row has none. A pre-training with a teacher gets the teacher's
    training as an earlier stage.

    Args:
        row: a row that has configs.
        read: reads a config that is named relative to ``configs/``.

    Raises:
        ValueError: the row is quoted from the paper, or its configs do not follow one another.
    """
    if not row.configs:
        raise ValueError(
            f'{row.method}, {row.name!r} is quoted from the paper: there are no configs of it.'
        )
    stages: list[Stage] = []

    def add(
        config: str,
        kind: Literal['train', 'retrieval'],
        option: str | None,
        source: Stage | None,
        file: str = '',
    ) -> Stage:
        name = f'{len(stages) + 1}-{PurePosixPath(config).stem}'
        settings = read(config)
        stages.append(
            Stage(
                name,
                config,
                kind,
                option,
                source.name if source else None,
                kind == 'train' and bool(settings.get('test_dataloader')),
                '--tta' in ' '.join(row.cells.values()),
                file,
            )
        )
        return stages[-1]

    encoder: Stage | None = None  # whose checkpoint has the encoder
    for config in row.configs:
        settings = read(config)
        if not is_transfer(config):
            teacher = settings.model.get('teacher') or {}
            output = _OUTPUT.match(_checkpoint(teacher.get('backbone')) or '')
            before = add(f'{output[1]}.py', 'train', None, None) if output else None
            encoder = add(config, 'train', TEACHER if before else None, before)
        elif 'retrieval' in row.section:
            add(config, 'retrieval', ENCODER, encoder)
        elif settings.get('load_from') == '':
            if encoder is None or not is_transfer(encoder.config):
                raise ValueError(
                    f'{row.method}, {row.name!r}: {config} goes on from a classifier, but the row '
                    'links to none before it.'
                )
            encoder = add(config, 'train', 'load_from', encoder)
        else:
            file = _checkpoint(settings.model.backbone)
            source = encoder
            if _is_classifier(settings) and encoder is not None and is_transfer(encoder.config):
                source = _pretraining(stages)
            option = None if file is None else ENCODER
            stage = add(config, 'train', option, source if file == '' else None, file or '')
            if _is_classifier(settings) and not _ENDS.search(config):
                encoder = stage
    return stages


def _is_classifier(settings: Config) -> bool:
    return settings.model.type == 'ImageClassifier'


def _pretraining(stages: list[Stage]) -> Stage:
    return [stage for stage in stages if not is_transfer(stage.config)][-1]


def _checkpoint(backbone: dict | None) -> str | None:
    """The file that an encoder starts from; None if it starts from random weights."""
    init = (backbone or {}).get('init_cfg')
    return init.get('checkpoint') if isinstance(init, dict) else None
