"""Classify the validation images by the nearest training images (DINO's protocol).

    python tools/evaluate/knn.py CONFIG CHECKPOINT [--k 10 20 100 200] [--temperature 0.07]

CONFIG is a classifier's, from configs/<method>/transfer/: it says which part of CHECKPOINT is the
encoder, which feature the head sees, and where the images are. Nothing is trained. The accuracies
go to CHECKPOINT.knn.json.
"""

from __future__ import annotations

from ...evaluation.knn import KS, check_neighbours, knn_predict
from ...utils.similarity import check_temperature
from .frozen import accuracy, extract, parser_for, write_results


def main() -> None:
    """Extract, compare, report."""
    parser = parser_for(__doc__)
    parser.add_argument('--k', nargs='+', type=int, default=list(KS), help='numbers of neighbours')
    parser.add_argument('--temperature', type=float, default=0.07, help='of the votes')
    args = parser.parse_args()
    check_temperature(args.temperature)
    data = extract(args, lambda images: check_neighbours(args.k, images))
    found = knn_predict(data.val, data.train, data.train_labels, args.k, args.temperature)
    results = {f'knn_{k}': accuracy(classes, data.val_labels) for k, classes in found.items()}
    write_results(args, 'knn', results)
