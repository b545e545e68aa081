"""Whether the data of a chain are there, before days of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def check_data(configs: Mapping[str, Config], starts: Mapping[str, str] | None = None) -> None:
    """Check the folders and files that the data sets of configs name, and the first checkpoints.

    Args:
        configs: config of each stage.
        starts: checkpoints from which stages start that follow no other stage.

    Raises:
        FileNotFoundError: some do not exist; the message lists all of them with their stages.
    """
    missing = missing_data(configs)
    for stage, file in (starts or {}).items():
        if not Path(file).exists():
            missing.setdefault(file, []).append(stage)
    if missing:
        shown = '\n'.join(f'  {path} (for {", ".join(names)})' for path, names in missing.items())
        raise FileNotFoundError(
            f'These data do not exist, so the row cannot be run to its end:\n{shown}\n'
            "Put them there, or link to them; the methods' pages describe the folders. A "
            'checkpoint of another place is given with --start FILE.'
        )


def missing_data(configs: Mapping[str, Config]) -> dict[str, list[str]]:
    """Return the folders and files that do not exist, each with the stages that need it.

    Args:
        configs: config of each stage.
    """
    missing: dict[str, list[str]] = {}
    for stage, config in configs.items():
        for path in _paths(config):
            if not Path(path).exists():
                missing.setdefault(path, []).append(stage)
    return missing


def _paths(config: Config) -> list[str]:
    """What a stage reads, in the order of its loaders, each path once."""
    found: list[str] = []
    for name in LOADERS:
        dataset = (config.get(name) or {}).get('dataset')
        if not dataset:
            continue
        root = Path(dataset.get('data_root') or '.')
        split = dataset.get('split')
        annotations = dataset.get('ann_file')
        images = dataset.get('data_prefix') or {}
        if split and 'ImageNet' in dataset.type:
            found.append(str(root / split))
        elif annotations:
            found.append(str(root / annotations))
        elif isinstance(images, dict) and images:
            found += [str(root / folder) for folder in images.values() if folder]
        else:
            found.append(str(root))
    target = (config.model.get('target_generator') or {}).get('init_cfg')
    if isinstance(target, dict) and target.get('checkpoint'):
        found.append(target['checkpoint'])
    return list(dict.fromkeys(found))
