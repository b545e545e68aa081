"""What frozen features of the quickstart's encoder are worth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from tqdm import tqdm

NEIGHBOURS = 20


def load_images(config: Path, folder: Path) -> tuple[Tensor, np.ndarray]:
    """What an encoder sees of an image folder in evaluation.

    Args:
        config: fine-tuning config, for its validation pipeline.
        folder: images in one folder a class.

    Returns:
        (N, 3, H, W) uint8 RGB and labels (N,).
    """
    files = sorted(folder.glob('*/*.jpg'))
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        pipeline = Compose(Config.fromfile(config).val_dataloader.dataset.pipeline)
    images = torch.stack([pipeline({'img_path': str(file)})['inputs'] for file in files])
    return images.flip(1), np.array([int(file.parent.name) for file in files])


def build_classifier(config: Path, checkpoint: Path | None) -> ImageClassifier:
    """The fine-tuning config's model in evaluation mode, its encoder random or pre-trained."""
    settings = Config.fromfile(config)
    model = {**settings.model, 'data_preprocessor': dict(settings.data_preprocessor)}
    model['data_preprocessor']['to_rgb'] = False  # the images come as RGB
    init_cfg = dict(model['backbone'].init_cfg, checkpoint=str(checkpoint)) if checkpoint else None
    model['backbone'] = {**model['backbone'], 'init_cfg': init_cfg}
    torch.manual_seed(0)
    if not MMLogger.check_instance_created('quickstart'):
        MMLogger.get_instance('quickstart', log_level='WARNING')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        classifier = MODELS.build(model)
        classifier.init_weights()
    classifier.eval()
    return classifier


@torch.no_grad()
def features(classifier: ImageClassifier, images: Tensor, name: str) -> np.ndarray:
    """Pooled encoder features (N, D) of uint8 images."""
    batches = tqdm(images.split(500), desc=f'features, {name}')
    prepare: Callable[[dict], dict] = classifier.data_preprocessor
    outputs = [classifier.extract_feat(prepare({'inputs': batch})['inputs']) for batch in batches]
    return torch.cat([output[-1] for output in outputs]).numpy()


def frozen_accuracies(config: Path, checkpoint: Path, data: Path) -> dict[str, dict]:
    """Linear probe and k-NN accuracies in percent: random and pre-trained encoder, raw pixels."""
    train, train_labels = load_images(config, data / 'train')
    val, val_labels = load_images(config, data / 'val')
    inputs = {'pixels': (train.flatten(1).numpy() / 255, val.flatten(1).numpy() / 255)}
    for name, start in (('random', None), ('pretrained', checkpoint)):
        encoder = build_classifier(config, start)
        inputs[name] = (features(encoder, train, name), features(encoder, val, name))
    # The solver's iterations are bounded: a probe is a measure, not a fit to the last digit.
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=100, C=0.1, tol=1e-2))
    nearest = make_pipeline(
        StandardScaler(), KNeighborsClassifier(NEIGHBOURS, metric='cosine', weights='distance')
    )
    return {
        task: {
            name: {
                'mean': round(100 * model.fit(x, train_labels).score(y, val_labels), 2),
                'spread': None,
            }
            for name, (x, y) in inputs.items()
        }
        for task, model in (('linear probe', linear), ('k-NN', nearest))
    }
