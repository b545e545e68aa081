"""How much a chain is going to train, and how long that takes at a rate that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmengine.config import Config

from .plan import Stage

# Training images of the data sets (COCO: those with annotations).
IMAGES = {
    'mcl_plugins.ImageNet': 1_281_167,
    'mcl_plugins.ImageNet100': 126_689,
    'mcl_plugins.CocoDataset': 117_266,
    'mcl_plugins.Flowers102': 2_040,
}
INATURALIST = {2018: 437_513, 2019: 265_213}


def count_images(config: Config) -> int:
    """Return how many images a training of a config sees, each epoch anew; 0 if it is not known.

    Example:
        >>> dataset = dict(type='mcl_plugins.ImageNet')
        >>> config = dict(train_cfg=dict(max_epochs=100), train_dataloader=dict(dataset=dataset))
        >>> count_images(Config(config))
        128116700
    """
    training, loader = config.train_cfg, config.train_dataloader
    if training.get('max_iters'):
        return training.max_iters * config.auto_scale_lr.base_batch_size
    kind = loader.dataset.type
    number = INATURALIST[loader.dataset.year] if 'INat' in kind else IMAGES.get(kind, 0)
    return training.max_epochs * number


def describe(stages: Sequence[Stage], configs: Mapping[str, Config]) -> str:
    """Return a line for each training: what it is and how many images it sees.

    The hours are those at 1,000 images a second, a round number: divide by the rate that the log
    of a training shows.
    """
    lines = []
    for stage in stages:
        if stage.kind == 'train':
            images = count_images(configs[stage.name])
            hours = images / 1000 / 3600
            lines.append(
                f'{stage.name}: {images / 1e6:,.0f} million images, {hours:,.1f} hours at 1,000 '
                'images a second'
            )
    return '\n'.join(lines)
