"""Train a linear classifier on frozen features of the training images, and test it.

    python tools/evaluate/linear.py CONFIG CHECKPOINT [--epochs 30] [--lr 0.1]

CONFIG is a classifier's, from configs/<method>/transfer/. All images are encoded once, without
augmentation, so this takes one pass over the data set: a quick look. The papers' linear
classification augments its images; for that train the in1k-linear configs. The accuracy goes to
CHECKPOINT.linear.json.
"""

from __future__ import annotations

import torch

from ...evaluation.linear import fit_linear_probe
from ..arguments import at_least, positive
from .frozen import accuracy, extract, parser_for, write_results


def main() -> None:
    """Extract, fit, report."""
    parser = parser_for(__doc__)
    parser.add_argument('--epochs', type=at_least(1), default=30, help='passes over the features')
    parser.add_argument('--lr', type=positive, default=0.1, help='of SGD at a batch of 1024')
    parser.add_argument('--weight-decay', type=float, default=0.0)
    args = parser.parse_args()
    data = extract(args)
    probe = fit_linear_probe(
        data.train,
        data.train_labels,
        epochs=args.epochs,
        lr=args.lr,
        weight_decay=args.weight_decay,
    )
    with torch.no_grad():
        predictions = probe(data.val).argmax(dim=1)
    write_results(args, 'linear', {'linear': accuracy(predictions, data.val_labels)})
