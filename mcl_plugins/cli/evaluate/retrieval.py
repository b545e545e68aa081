"""Image retrieval on revisited Oxford or Paris, with frozen features.

    mcl retrieval CONFIG CHECKPOINT --data data/roxford5k
    mcl retrieval CONFIG CHECKPOINT --data data/rparis6k

CONFIG is the config of a classifier, from configs/<method>/transfer/. It defines the encoder and
the feature that is compared. The folder contains the published gnd_<name>.pkl and the images in
jpg/. There are two protocols, both with complete query images: iBOT's (the default) has a longer
side of 512 px and three scales for both sets. DINO's, --protocol dino, has 224 px and one scale for
Oxford, and 512 px and three scales for Paris (MimCo, Table 4, may be either). --queries cropped
crops the queries to their boxes, as in the benchmark's own protocol. mAP and mP@k in percent, for
Medium and Hard, are written to CHECKPOINT.retrieval-<name>.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ...backbones import BEiTViT, ConvViT
from ...datasets.image_folder import say_count
from ...evaluation.retrieval import Setup, rank, score
from ...evaluation.revisited import (
    Revisited,
    load_images,
    multi_scale_feature,
    protocol_of,
)
from ..decoder import decoder_of
from ..parsers.evaluate import retrieval as parse_args
from .frozen import build_classifier, report


def main(argv: Sequence[str] | None = None) -> None:
    """Run the evaluation that the command line describes and write the result to a file."""
    args = parse_args(argv)
    report(f'retrieval-{args.data.name}', evaluate_retrieval, args)


def evaluate_retrieval(
    config: str | Path,
    checkpoint: str | Path | None,
    data: Path,
    size: int | None = None,
    scales: Sequence[float] | None = None,
    queries: str = 'whole',
    protocol: str = 'ibot',
    **loading: Any,
) -> dict[str, float]:
    """Compute the scores of image retrieval on revisited Oxford or Paris.

    Args:
        config: config of a classifier: a path, or a name among the package's own configs.
        checkpoint: checkpoint whose encoder is evaluated; None for random weights.
        data: folder of the data set.
        size: longer side of an image in pixels; None for the protocol's.
        scales: factors by which the image is scaled; the features of all scales are averaged. None
            for the protocol's.
        queries: ``'whole'`` for complete query images, ``'cropped'`` to crop them to their boxes.
        protocol: a key of :data:`~mcl_plugins.evaluation.revisited.PROTOCOLS`.
        **loading: ``work_dir``, ``cfg_options``, ``pin_memory``; see
            :func:`~mcl_plugins.cli.evaluate.frozen.build_classifier`.

    Returns:
        scores in percent, named ``medium mAP``, ``hard mP@10`` and so on; NaN if no query has a
        positive image.

    Raises:
        FileNotFoundError: the config, the checkpoint or the data set does not exist.
        ValueError: the checkpoint does not fit the config, or the encoder takes images of one size
            only.
    """
    benchmark = Revisited.read(data)
    default_size, default_scales = protocol_of(protocol, data.name)
    size, scales = size or default_size, scales or default_scales
    say_count(str(data), len(benchmark.names()))
    if loading.get('launcher', 'none') != 'none':
        raise ValueError('retrieval encodes one image at a time; run it without --launcher.')
    _, model, cfg = build_classifier(config, checkpoint, **loading)
    if isinstance(model.backbone, BEiTViT | ConvViT):
        raise ValueError(
            f'{type(model.backbone).__name__} encodes images of one size only, because its '
            'positions are fixed, but retrieval has images of many sizes: use a plain ViT or a '
            'Swin.'
        )

    def encode(image: Tensor) -> Tensor:
        return model.extract_feat(image)[-1]

    features = []
    images = load_images(benchmark, size, queries == 'cropped', decoder_of(cfg.val_dataloader))
    for image in tqdm(images, total=len(benchmark.names()), desc='images'):
        batch = model.data_preprocessor({'inputs': [image.flip(0)]})  # BGR, as files are decoded
        features.append(multi_scale_feature(encode, batch['inputs'], scales))
    asked, database = torch.stack(features).split((len(benchmark.queries), len(benchmark.database)))
    rankings = rank(asked, database)
    setups: tuple[Setup, ...] = ('medium', 'hard')
    return {
        f'{setup} {name}': value
        for setup in setups
        for name, value in score(rankings, benchmark.queries, setup).items()
    }
