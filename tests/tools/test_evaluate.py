"""The evaluation commands on a handful of images: results, their record, and what does not fit."""

import hashlib
import json
import math
import pickle
import shutil
import subprocess
import sys
from importlib.metadata import version

import pytest
from mmengine.config import Config
from mmpretrain.registry import MODELS

from conftest import ROOT
from mcl_plugins.checkpoint.files import save_file

FINETUNE = ROOT / 'configs/quickstart/masked_moco_finetune.py'


@pytest.fixture
def data(images):
    """The sixteen images as training and validation set."""
    shutil.copytree(images / 'train', images / 'val')
    return images


@pytest.fixture
def checkpoint(tmp_path):
    """What a pre-training run of the quickstart's Masked MoCo writes."""
    config = Config.fromfile(ROOT / 'configs/quickstart/masked_moco.py')
    model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    model.init_weights()
    save_file({'meta': {}, 'state_dict': model.state_dict()}, tmp_path / 'epoch_1.pth')
    return tmp_path / 'epoch_1.pth'


def evaluate(command, checkpoint, data, *arguments, config=FINETUNE):
    options = [
        f'{split}_dataloader.{option}'
        for split in ('train', 'val')
        for option in (f'dataset.data_root={data}', 'num_workers=0', 'persistent_workers=False')
    ]
    return subprocess.run(
        [sys.executable, ROOT / f'tools/evaluate/{command}.py', config, checkpoint, *arguments,
         '--work-dir', data / 'work', '--cfg-options', *options,
         'train_dataloader.dataset.ann_file='],
        capture_output=True, text=True, check=False, cwd=data,
    )  # fmt: skip


def test_knn_writes_what_it_found_and_from_what(checkpoint, data):
    """Training and validation images are the same: each is its own nearest neighbour."""
    result = evaluate('knn', checkpoint, data, '--k', '1', '5')
    assert result.returncode == 0, result.stderr[-3000:]
    record = json.loads((checkpoint.parent / 'epoch_1.pth.knn.json').read_text())
    assert record['results'].keys() == {'knn_1', 'knn_5'} and record['results']['knn_1'] == 100
    assert record['checkpoint_sha256'] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert record['config'] == str(FINETUNE) and record['versions']['torch'] == version('torch')
    assert 'knn_1: 100.00' in result.stdout


def test_linear_writes_where_it_is_told(checkpoint, data, tmp_path):
    """Sixteen images in 96 dimensions can be told apart by their features."""
    out = tmp_path / 'linear.json'
    result = evaluate('linear', checkpoint, data, '--epochs', '200', '--out', out)
    assert result.returncode == 0, result.stderr[-3000:]
    assert json.loads(out.read_text())['results'] == {'linear': 100.0}


def test_retrieval_finds_copies_of_the_query(checkpoint, data, tmp_path):
    """The database has the query itself, which is found first, and two others."""
    folder = tmp_path / 'rparis6k'
    (folder / 'jpg').mkdir(parents=True)
    files = sorted(data.glob('train/*/*.jpg'))[:3]
    for name, file in zip(('q', 'b', 'c'), files, strict=True):
        shutil.copy(file, folder / f'jpg/{name}.jpg')
    shutil.copy(files[0], folder / 'jpg/a.jpg')
    entry = {'easy': [0], 'hard': [], 'junk': [2], 'bbx': [4, 4, 36, 36]}
    with (folder / 'gnd_rparis6k.pkl').open('wb') as file:
        pickle.dump({'imlist': ['a', 'b', 'c'], 'qimlist': ['q'], 'gnd': [entry]}, file)
    result = evaluate('retrieval', checkpoint, data, '--data', folder, '--size', '32')
    assert result.returncode == 0, result.stderr[-3000:]
    record = json.loads((checkpoint.parent / 'epoch_1.pth.retrieval-rparis6k.json').read_text())
    assert record['results']['medium mAP'] == 100
    assert math.isnan(record['results']['hard mAP'])  # nothing hard to find
    result = evaluate('retrieval', checkpoint, data, '--data', folder, '--queries', 'cropped')
    assert result.returncode == 0, result.stderr[-3000:]


def test_what_does_not_fit_ends_in_a_message(checkpoint, data, tmp_path):
    result = evaluate('knn', checkpoint, data, '--k', '17')
    assert result.returncode == 1 and 'k=17 neighbours out of 16 images' in result.stderr
    result = evaluate('knn', tmp_path / 'none.pth', data)
    assert result.returncode == 1 and "none.pth' does not exist" in result.stderr
    pretraining = ROOT / 'configs/quickstart/masked_moco.py'
    result = evaluate('knn', checkpoint, data, config=pretraining)
    assert result.returncode == 1 and 'is no config of a classifier' in result.stderr
    assert 'Traceback' not in result.stderr
