"""Evaluation of frozen features: extraction, k-NN, linear probe, retrieval, attention maps.

These functions take tensors. They read no configs and print nothing except a progress bar. The
commands in ``mcl_plugins.cli.evaluate`` apply them to data sets.
"""

from .attention import class_attention_maps
from .features import extract_features, pool_tokens
from .knn import knn_predict, nearest
from .linear import LinearProbe, fit_linear_probe
from .recall import Recall, mean_recall
from .retrieval import Query, average_precision, rank, score
from .revisited import Revisited, load_image, load_images, multi_scale_feature

__all__ = [
    'LinearProbe',
    'Query',
    'Recall',
    'Revisited',
    'average_precision',
    'class_attention_maps',
    'extract_features',
    'fit_linear_probe',
    'knn_predict',
    'load_image',
    'load_images',
    'mean_recall',
    'multi_scale_feature',
    'nearest',
    'pool_tokens',
    'rank',
    'score',
]
