"""The quickstart's parts: its images, its probes and its picture, with an untrained network."""

import hashlib
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier

from conftest import ROOT
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.cli.data.make_digits import make
from mcl_plugins.cli.quickstart import probe
from mcl_plugins.cli.quickstart.methods import (
    find_method_config,
    finetune_config,
    methods,
    read_title,
)
from mcl_plugins.cli.quickstart.probe import extract_all, frozen_accuracies, unflatten_images
from mcl_plugins.cli.quickstart.report import draw_report
from mcl_plugins.cli.quickstart.run import select_losses
from mcl_plugins.cli.quickstart.stages import summary
from mcl_plugins.targets.frozen_teacher import FrozenTeacher

CONFIGS = ROOT / 'configs/quickstart'
# Percent of every third scan.
COLOURED = {'linear probe': 78.62, 'k-NN': 84.06}
GRAY = {'linear probe': 79.71, 'k-NN': 88.04}


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    root = tmp_path_factory.mktemp('digits')
    make(root)
    return root


@pytest.fixture(scope='module')
def few_digits(digits, tmp_path_factory):
    """Every third scan of the digits: what is measured takes a third of the time."""
    root = tmp_path_factory.mktemp('few_digits')
    for image in digits.glob('*/*/*.jpg'):
        if int(image.name.split('_')[0]) % 3 == 0:
            link = root / image.relative_to(digits)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.hardlink_to(image)
    return root


def checkpoint(method, tmp_path):
    """A file as pre-training with the quickstart's config would write it at its start."""
    config = Config.fromfile(CONFIGS / f'{method}.py')
    model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    for module in model.modules():
        if isinstance(module, FrozenTeacher):
            module.is_init = True  # its file is not there yet
    model.init_weights()
    save_file({'state_dict': model.state_dict(), 'meta': {}}, tmp_path / 'epoch_0.pth')
    return tmp_path / 'epoch_0.pth'


def digest(root):
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return hashlib.sha256(b''.join(path.read_bytes() for path in files)).hexdigest(), len(files)


def test_images_are_the_same_each_time_and_made_once(digits, tmp_path):
    make(tmp_path / 'again')
    assert digest(digits) == digest(tmp_path / 'again')
    before = (digits / 'recipe.json').stat().st_mtime_ns
    make(digits)
    assert (digits / 'recipe.json').stat().st_mtime_ns == before


def test_no_scan_is_in_both_splits(digits):
    scans = {
        split: {path.name.split('_')[0] for path in (digits / split).glob('*/*.jpg')}
        for split in ('train', 'val')
    }
    assert len(scans['train']) == 1400 and len(scans['val']) == 397
    assert not scans['train'] & scans['val']


@pytest.mark.parametrize('choice', [0, 1, 2])
def test_few_labels_are_twenty_of_each_digit_from_training(digits, choice):
    lines = (digits / f'few_labels_{choice}.txt').read_text().splitlines()
    names, labels = zip(*(line.split() for line in lines), strict=True)
    assert np.bincount(np.array(labels, dtype=int)).tolist() == [20] * 10
    assert len({name.split('/')[1].split('_')[0] for name in names}) == 200
    assert all((digits / 'train' / name).is_file() for name in names)
    assert all(name.split('/')[0] == label for name, label in zip(names, labels, strict=True))


@pytest.fixture(scope='module')
def pixels_of_few():
    """What does not depend on the method: the features ``pixels``, and their linear classes."""
    return {}


@pytest.fixture
def _pixels_once(pixels_of_few, monkeypatch):
    compute, classify = probe.compute_features, probe.linear_classes

    def compute_once(encode, runner, cfg):
        if encode is not probe.pixels:
            return compute(encode, runner, cfg)
        key = str(cfg.val_dataloader.dataset)
        if key not in pixels_of_few:
            pixels_of_few[key] = compute(encode, runner, cfg)
        return pixels_of_few[key]

    def classify_once(data):
        known = [key for key, value in pixels_of_few.items() if value is data]
        if not known:
            return classify(data)
        key = f'classes of {known[0]}'
        if key not in pixels_of_few:
            pixels_of_few[key] = classify(data)
        return pixels_of_few[key]

    monkeypatch.setattr(probe, 'compute_features', compute_once)
    monkeypatch.setattr(probe, 'linear_classes', classify_once)


def knn_accuracy(data):
    """In percent, by another library."""
    oracle = KNeighborsClassifier(20, metric='cosine', weights=lambda d: np.exp((1 - d) / 0.07))
    return 100 * oracle.fit(data.train, data.train_labels).score(data.val, data.val_labels)


def first_features(config, start, images):
    """Features of RGB images in [0, 1] by the classifier with which fine-tuning begins."""
    config = Config.fromfile(config)
    config.model.backbone.init_cfg.checkpoint = str(start)
    classifier = MODELS.build(config.model).eval()
    classifier.init_weights()
    mean, std = (
        torch.tensor(config.data_preprocessor[key])[:, None, None] for key in ('mean', 'std')
    )
    with torch.no_grad():
        return classifier.extract_feat((255 * images - mean) / std)[-1]


@pytest.mark.usefixtures('_pixels_once')
@pytest.mark.parametrize('method', sorted(methods()))
def test_probes_and_picture(few_digits, tmp_path, method):
    config = find_method_config(method)
    start = checkpoint(method, tmp_path)
    features = extract_all(finetune_config(config), start, few_digits, tmp_path)
    frozen = frozen_accuracies(features)
    gray = 'RandomGrayscale' in str(Config.fromfile(finetune_config(config)).val_dataloader)
    for task, pixels in (GRAY if gray else COLOURED).items():
        assert set(frozen[task]) == {'pixels', 'random', 'pretrained'}
        # Digits are easy for pixels, and better than chance even for networks without training.
        assert frozen[task]['pixels']['mean'] == pytest.approx(pixels, abs=1)
        assert min(frozen[task][name]['mean'] for name in ('random', 'pretrained')) > 12
    for name, data in features.items():
        assert frozen['k-NN'][name]['mean'] == pytest.approx(knn_accuracy(data), abs=0.4)
    assert not torch.allclose(features['random'].val, features['pretrained'].val, atol=0.01)
    images = unflatten_images(features['pixels'].val[:8])
    wanted = first_features(finetune_config(config), start, images)
    torch.testing.assert_close(features['pretrained'].val[:8], wanted, rtol=1e-3, atol=1e-3)
    results = {
        'title': read_title(config),
        'fine-tune on 200 labels': {'random': summary([30.0, 40.0]), 'pretrained': summary([70.0])},
        **frozen,
        'pre-training': {'step': [20, 40], 'losses': {'contrast': [3.0, 1.0]}, 'chance': 2.77},
    }
    picture = draw_report(results, features, config, start, tmp_path)
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert('RGB'))
    assert pixels.shape[0] > 800 and pixels.shape[1] > 1000
    # Every part of the sheet has something on it.
    for rows in np.array_split(pixels, 4):
        for part in np.array_split(rows, 4, axis=1):
            assert part.std() > 5
    assert json.dumps(results)


def test_spread_is_that_of_the_seeds():
    assert summary([1.0, 2.0, 3.0]) == {'mean': 2.0, 'spread': 1.0, 'seeds': [1.0, 2.0, 3.0]}
    assert summary([5.0])['spread'] is None


def test_pixels_are_the_centre_crops_in_order(digits, tmp_path):
    start = checkpoint('conmim', tmp_path)
    pixels = extract_all(CONFIGS / 'conmim_finetune.py', start, digits, tmp_path)['pixels']
    images = unflatten_images(pixels.val)
    assert images.shape == (794, 3, 32, 32) and len(pixels.val_labels) == 794
    first = sorted((digits / 'val').glob('*/*.jpg'))[0]
    wanted = np.asarray(Image.open(first))[4:36, 4:36]
    np.testing.assert_array_equal((255 * images[0]).round().permute(1, 2, 0), wanted)
    assert pixels.train.shape == (4200, 3072)  # not only the 200 of fine-tuning


def test_methods_are_found_with_their_titles(tmp_path):
    assert {method: read_title(config) for method, config in methods().items()} == {
        'ccmim': 'ccMIM',
        'cmae': 'CMAE',
        'conmim': 'ConMIM',
        'masked_byol': 'Masked BYOL',
        'masked_moco': 'Masked MoCo',
        'mimco': 'MimCo',
    }
    with pytest.raises(FileNotFoundError, match="no method 'conmin'; did you mean 'conmim'"):
        find_method_config('conmin')
    own = tmp_path / 'mine.py'
    own.write_text("model = dict(type='elsewhere.Mine')\n")
    with pytest.raises(FileNotFoundError, match='mine_finetune.py'):
        find_method_config(str(own))
    (tmp_path / 'mine_finetune.py').touch()
    assert find_method_config(str(own)) == own and read_title(own) == 'Mine'


def test_losses_have_names():
    rows = [{'loss': 3.0, 'loss_pixel': 1.00004, 'loss_contrast': 2.0}]
    assert select_losses(rows) == {'contrast': [2.0], 'reconstruction': [1.0]}
    assert select_losses([{'loss': 3.0}, {'loss': 2.0}]) == {'contrast': [3.0, 2.0]}
    levels = {'contrast of patches': [1.0], 'contrast of images': [2.0]}
    assert select_losses([{'loss': 3.0, 'loss_patch': 1.0, 'loss_image': 2.0}]) == levels
