"""Image retrieval on revisited Oxford or Paris, with frozen features.

    mcl retrieval CONFIG CHECKPOINT --data data/roxford5k
    mcl retrieval CONFIG CHECKPOINT --data data/rparis6k

CONFIG is a classifier's, from configs/<method>/transfer/: its encoder and the feature that its head
sees. The folder has the published gnd_<name>.pkl and the images under jpg/. By default as DINO's
script does it (MimCo, Table 4): whole query images, the longer side 512 px, three scales. With
--queries cropped they are cut to their boxes, as the benchmark's own protocol wants it. mAP and
mP@k in percent, Medium and Hard, go to CHECKPOINT.retrieval-<name>.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ...backbones import BEiTViT, ConvViT
from ...datasets.image_folder import say_count
from ...evaluation.retrieval import Setup, rank, score
from ...evaluation.revisited import SCALES, Revisited, load_images, multi_scale_feature
from ..arguments import at_least, positive
from .frozen import build_classifier, frozen_parser, report


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; what is parsed are the arguments of :func:`evaluate_retrieval`."""
    parser = frozen_parser(__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the data set')
    parser.add_argument('--size', type=at_least(1), default=512, help='pixels of the longer side')
    parser.add_argument('--scales', nargs='+', type=positive, default=list(SCALES))
    parser.add_argument(
        '--queries', choices=['whole', 'cropped'], default='whole', help='what of a query is seen'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluate as the command line says, and write the result down."""
    args = parse_args(argv)
    report(f'retrieval-{args.data.name}', evaluate_retrieval, args)


def evaluate_retrieval(
    config: str | Path,
    checkpoint: str | Path | None,
    data: Path,
    size: int = 512,
    scales: Sequence[float] = SCALES,
    queries: str = 'whole',
    **loading: Any,
) -> dict[str, float]:
    """Scores of image retrieval on revisited Oxford or Paris.

    Args:
        config: a classifier's: a path, or a name among the package's own configs.
        checkpoint: whose encoder is evaluated; None for random weights.
        data: folder of the data set.
        size: pixels of an image's longer side.
        scales: factors of the image's sides, whose features are averaged.
        queries: ``'whole'`` query images, or ``'cropped'`` to their boxes.
        **loading: ``work_dir``, ``cfg_options``, ``pin_memory``; see
            :func:`~mcl_plugins.cli.evaluate.frozen.build_classifier`.

    Returns:
        ``medium mAP``, ``hard mP@10`` and the like in percent; NaN where there is nothing to find.

    Raises:
        FileNotFoundError: the config, the checkpoint or the data set does not exist.
        ValueError: the two files do not fit, or the encoder takes images of one size only.
    """
    benchmark = Revisited.read(data)
    say_count(str(data), len(benchmark.names()))
    if loading.get('launcher', 'none') != 'none':
        raise ValueError('retrieval encodes one image at a time: start it without a launcher.')
    _, model, _ = build_classifier(config, checkpoint, **loading)
    if isinstance(model.backbone, BEiTViT | ConvViT):
        raise ValueError(
            f'{type(model.backbone).__name__} encodes images of one size only, its positions being '
            'made for that, and retrieval has images of many sizes: take a plain ViT or a Swin.'
        )

    def encode(image: Tensor) -> Tensor:
        return model.extract_feat(image)[-1]

    features = []
    images = load_images(benchmark, size, queries == 'cropped')
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
