"""Image retrieval on revisited Oxford or Paris, with frozen features.

    python tools/evaluate/retrieval.py CONFIG CHECKPOINT --data data/roxford5k
    python tools/evaluate/retrieval.py CONFIG CHECKPOINT --data data/rparis6k

CONFIG is a classifier's, from configs/<method>/transfer/: its encoder and the feature that its head
sees. The folder has the published gnd_<name>.pkl and the images under jpg/. By default as DINO's
script does it (MimCo, Table 4): whole query images, the longer side 512 px, three scales. With
--queries cropped they are cut to their boxes, as the benchmark's own protocol wants it. mAP and
mP@k in percent, Medium and Hard, go to CHECKPOINT.retrieval-<name>.json.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ...backbones import BEiTViT, ConvViT
from ...evaluation.retrieval import Setup, rank, score
from ...evaluation.revisited import SCALES, Revisited, images_of, multi_scale_feature
from ..arguments import at_least, positive
from .frozen import build_classifier, parser_for, write_results


def main() -> None:
    """Encode every image, rank, score."""
    parser = parser_for(__doc__)
    parser.add_argument('--data', type=Path, required=True, help='folder of the data set')
    parser.add_argument('--size', type=at_least(1), default=512, help='pixels of the longer side')
    parser.add_argument('--scales', nargs='+', type=positive, default=list(SCALES))
    parser.add_argument(
        '--queries', choices=['whole', 'cropped'], default='whole', help='what of a query is seen'
    )
    args = parser.parse_args()
    data = Revisited.read(args.data)
    if args.launcher != 'none':
        raise ValueError('retrieval encodes one image at a time: start it without a launcher.')
    _, model, _ = build_classifier(args)
    if isinstance(model.backbone, BEiTViT | ConvViT):
        raise ValueError(
            f'{type(model.backbone).__name__} encodes images of one size only, its positions being '
            'made for that, and retrieval has images of many sizes: take a plain ViT or a Swin.'
        )

    def encode(image: Tensor) -> Tensor:
        return model.extract_feat(image)[-1]

    features = []
    images = images_of(data, args.size, args.queries == 'cropped')
    for image in tqdm(images, total=len(data.names()), desc='images'):
        batch = model.data_preprocessor({'inputs': [image.flip(0)]})  # BGR, as files are decoded
        features.append(multi_scale_feature(encode, batch['inputs'], args.scales))
    queries, database = torch.stack(features).split((len(data.queries), len(data.database)))
    rankings = rank(queries, database)
    setups: tuple[Setup, ...] = ('medium', 'hard')
    results = {
        f'{setup} {name}': value
        for setup in setups
        for name, value in score(rankings, data.queries, setup).items()
    }
    write_results(args, f'retrieval-{args.data.name}', results)
