"""The model card of an export: what the encoder is, where it is from, how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...checkpoint.digest import sha256_of
from ...encoders import PretrainedEncoder
from ...utils.literals import read_assignments
from ...utils.versions import find_version, installed_versions
from ...version import __version__
from ..markdown import table
from .compare import LIMIT
from .target import Target

_CARD = """---
library_name: {library}
pipeline_tag: image-feature-extraction
tags:
- self-supervised-learning
- masked-image-modeling
---

# {title}

{architecture}. Exported by mcl_plugins {version}; {verified}

```python
{how}
```

{facts}
"""
_CONFIG = """
## Training config

```python
{text}
```
"""


def write_card(
    target: Target,
    encoder: PretrainedEncoder,
    checkpoint: str,
    found: Mapping[str, float],
    folder: Path,
    place: Path,
) -> None:
    """Write ``README.md``.

    Args:
        target: the library.
        encoder: the encoder.
        checkpoint: the file that was exported.
        found: the relative differences of its features.
        folder: where to write.
        place: where the folder will be, for the lines that load it.
    """
    prepare, text = encoder.preprocess, encoder.origin.get('config')
    compared = ', '.join(f'{value:.1e} on {kind}' for kind, value in found.items())
    libraries = {**installed_versions(), target.distribution: find_version(target.distribution)}
    versions = ', '.join(f'{name} {version}' for name, version in libraries.items() if version)
    facts = {
        'Method': encoder.origin.get('method') or 'unknown',
        'Data': describe_data(text),
        'Checkpoint': f'`{Path(checkpoint).name}`',
        'SHA-256 of the checkpoint': hash_of(checkpoint),
        'Read as': encoder.origin.get('recognised', ''),
        'Part': encoder.origin.get('which', ''),
        'Preprocessing': f'short side to {prepare.scale} px (bicubic), middle {prepare.size} px, '
        f'mean {_round(prepare.mean)}, std {_round(prepare.std)} of 0 to 255, RGB',
        'Versions': versions,
    }
    card = _CARD.format(
        library=target.distribution,
        title=f'{encoder.origin.get("method") or "Pre-trained"} encoder for {target.title}',
        architecture=str(encoder.config)[:1].upper() + str(encoder.config)[1:],
        version=__version__,
        verified=f'loaded back, its features differ by at most {compared}, '
        f'relative to the largest (limit {LIMIT:g}).',
        how=target.how.format(folder=place),
        facts=table(['', ''], facts.items()),
    )
    if text:
        card += _CONFIG.format(text=text.strip())
    (folder / 'README.md').write_text(card, encoding='utf-8')


def describe_data(text: Any) -> str:
    """Describe the training images by what a config says.

    Example:
        >>> describe_data("train_dataloader = dict(dataset=dict(type='ImageNet', data_root='x'))")
        "ImageNet, data_root='x'"
    """
    if not isinstance(text, str):
        return 'unknown'
    loader = read_assignments(text).get('train_dataloader')
    data = loader.get('dataset') if isinstance(loader, dict) else None
    if not isinstance(data, dict):
        return 'unknown'
    known = ('data_root', 'data_prefix', 'ann_file', 'split')
    settings = [f'{name}={data[name]!r}' for name in known if data.get(name)]
    return ', '.join([str(data.get('type')), *settings])


def hash_of(path: str) -> str:
    """Return the SHA-256 of a file, or 'unknown' if it is none here."""
    if not Path(path).is_file():
        return 'unknown'
    return sha256_of(path)


def _round(values: Any) -> list[float]:
    return [round(value, 3) for value in values]
