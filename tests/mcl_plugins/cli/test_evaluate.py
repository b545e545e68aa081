"""The evaluation commands on a handful of images: results, their record, and what does not fit."""

import hashlib
import json
import pickle
import re
import shutil
from argparse import Namespace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmpretrain.registry import MODELS
from PIL import Image

from conftest import ROOT
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.cli.evaluate import knn, linear
from mcl_plugins.cli.evaluate.frozen import build_classifier, extract, write_results
from processes import mcl, ranks_of, script

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


def settings(data):
    """What makes a config's data sets the sixteen images."""
    options = [
        f'{split}_dataloader.{option}'
        for split in ('train', 'val')
        for option in (f'dataset.data_root={data}', 'num_workers=0', 'persistent_workers=False')
    ]
    options.append('train_dataloader.dataset.ann_file=')
    return ['--work-dir', data / 'work', '--cfg-options', *options]


def evaluate(command, checkpoint, data, *arguments, config=FINETUNE):
    return mcl(command, config, checkpoint, *arguments, *settings(data), cwd=data)


def launch(command, checkpoint, data, *arguments):
    """Evaluate on two processes, by the shell script."""
    words = [command, FINETUNE, checkpoint, 2, *arguments, *settings(data)]
    return script('dist_evaluate.sh', *words, cwd=data, PORT=ranks_of(1)[0]['MASTER_PORT'])


def test_knn_writes_what_it_found_and_from_what(checkpoint, data):
    """Training and validation images are the same: each is its own nearest neighbour."""
    words = [FINETUNE, checkpoint, '--k', 1, 5, *settings(data)]
    result = script('evaluate/knn.py', *words, cwd=data)
    assert result.returncode == 0, result.stderr[-3000:]
    record = json.loads((checkpoint.parent / 'epoch_1.pth.knn.json').read_text())
    assert record['results'].keys() == {'knn_1', 'knn_5'} and record['results']['knn_1'] == 100
    assert record['checkpoint_sha256'] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert record['config'] == str(FINETUNE) and record['versions']['torch'] == version('torch')
    assert record['arguments']['ks'] == [1, 5] and record['arguments']['temperature'] == 0.07
    assert 'knn_1: 100.00' in result.stdout


def test_linear_writes_where_it_is_told(checkpoint, data, tmp_path):
    """Sixteen images in 96 dimensions can be told apart by their features."""
    out = tmp_path / 'linear.json'
    result = evaluate('linear', checkpoint, data, '--epochs', '200', '--out', out)
    assert result.returncode == 0, result.stderr[-3000:]
    assert json.loads(out.read_text())['results'] == {'linear': 100.0}


def test_two_processes_find_what_one_does(checkpoint, data):
    """Fifteen and five images: each process has one that the other has too, counted once."""
    for split, number in (('train', 15), ('val', 5)):
        for image in sorted(data.glob(f'{split}/*/*.jpg'))[number:]:
            image.unlink()
    rng = np.random.default_rng(1)
    for file in data.glob('val/*/*.jpg'):  # others than those of training: not all are found
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(file)
    records = []
    for start in (evaluate, launch):
        result = start('knn', checkpoint, data, '--k', 1, 3)
        assert result.returncode == 0, result.stderr[-3000:]
        file = checkpoint.with_name('epoch_1.pth.knn.json')
        records.append(json.loads(file.read_text()))
        file.unlink()
        for name in records[0]['results']:
            assert len(re.findall(rf'^ *{name}: ', result.stdout, re.MULTILINE)) == 1
        assert result.stdout.count('results: ') == 1
    assert records[0] == records[1]
    assert set(records[0]['results'].values()) & {20, 40, 60, 80}


def test_only_what_encodes_data_sets_is_launched_on_processes(checkpoint, data):
    result = launch('retrieval', checkpoint, data)
    assert result.returncode == 2 and 'knn|linear CONFIG CHECKPOINT PROCESSES' in result.stderr


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
    assert record['results']['hard mAP'] is None  # nothing hard to find
    assert re.search(r'hard mAP: none: no queries to score', result.stdout)
    result = evaluate('retrieval', checkpoint, data, '--data', folder, '--queries', 'cropped')
    assert result.returncode == 0, result.stderr[-3000:]


def test_what_does_not_fit_ends_in_a_message(checkpoint, data, tmp_path):
    result = evaluate('knn', checkpoint, data, '--k', '17')
    assert result.returncode == 1 and 'k=17 neighbours out of 16 images' in result.stderr
    result = evaluate('knn', tmp_path / 'none.pth', data)
    assert result.returncode == 1 and "none.pth' does not exist" in result.stderr
    pretraining = ROOT / 'configs/quickstart/masked_moco.py'
    result = evaluate('knn', checkpoint, data, config=pretraining)
    assert result.returncode == 1 and 'is not the config of a classifier' in result.stderr
    assert 'Traceback' not in result.stderr


def test_the_record_of_a_training_is_not_written_over(checkpoint, tmp_path, monkeypatch):
    """Without --work-dir training and evaluation of a config go to different places."""
    monkeypatch.chdir(tmp_path)
    runner, _, _ = build_classifier(FINETUNE, checkpoint)
    folder = Path(runner.work_dir).relative_to(tmp_path)
    assert str(folder) == 'work_dirs/evaluate/quickstart/masked_moco_finetune'


def test_a_config_that_starts_from_no_pre_training_is_named(checkpoint, tmp_path):
    config = ROOT / 'configs/conmim/transfer/in1k-finetune_vit-s_384.py'
    with pytest.raises(ValueError, match=r'which part of a checkpoint .*init_cfg\.prefix'):
        build_classifier(config, checkpoint, work_dir=tmp_path)


def test_no_classifier_and_no_place_for_the_result_stop_before_the_work(checkpoint, tmp_path):
    segmentor = ROOT / 'configs/cmae/transfer/ade20k-upernet_vit-b.py'
    for words, message in (
        ((str(segmentor), str(checkpoint)), 'not the config of a classifier'),
        ((str(FINETUNE), str(checkpoint), '--out', str(tmp_path)), 'name another file with --out'),
    ):
        with pytest.raises(ValueError, match=message):
            knn.main([*words, '--work-dir', str(tmp_path / 'work')])
    assert not (tmp_path / 'work').exists()


def test_a_notebook_gets_the_figures_and_no_file(checkpoint, data, tmp_path):
    """By the config's name, from the functions that the commands call.

    A quarter of the validation images, otherwise those of training, have the other class's label.
    """
    for name, other in (('0', '1'), ('1', '0')):
        for file in sorted(data.glob(f'val/{name}/?.jpg'))[:2]:
            file.rename(data / 'val' / other / f'from {name}, {file.name}')
    options = {
        'train_dataloader.dataset.ann_file': '',
        **{f'{split}_dataloader.dataset.data_root': str(data) for split in ('train', 'val')},
        **{f'{split}_dataloader.num_workers': 0 for split in ('train', 'val')},
    }
    loading = dict(work_dir=tmp_path / 'work', cfg_options=options)
    name = 'quickstart/masked_moco_finetune.py'
    assert knn.evaluate_knn(name, checkpoint, ks=[1], **loading) == {'knn_1': 75.0}
    assert linear.evaluate_linear(name, None, epochs=300, **loading) == {'linear': 75.0}
    assert [file.name for file in checkpoint.parent.glob('*.pth*')] == ['epoch_1.pth']


@pytest.mark.parametrize('change', ['hidden', 'empty', 'missing', 'more'])
def test_labels_go_by_the_names_of_the_folders(checkpoint, data, tmp_path, change):
    """The validation images are training images: each is its own nearest neighbour."""
    if change == 'hidden':
        (data / 'val/.ipynb_checkpoints').mkdir()
        shutil.copy(next(data.glob('val/1/*.jpg')), data / 'val/.ipynb_checkpoints/a.jpg')
    elif change == 'empty':
        (data / 'train/+').mkdir()  # before 0
    else:
        shutil.rmtree(data / ('val/0' if change == 'missing' else 'train/0'))
    options = {
        'train_dataloader.dataset.ann_file': '',
        **{f'{split}_dataloader.dataset.data_root': str(data) for split in ('train', 'val')},
        **{f'{split}_dataloader.num_workers': 0 for split in ('train', 'val')},
    }
    arguments = ('quickstart/masked_moco_finetune.py', checkpoint)
    settings = dict(ks=[1], work_dir=tmp_path / 'work', cfg_options=options)
    if change == 'more':
        with pytest.raises(ValueError, match=r'Only in val_dataloader \(1\): 0\.'):
            knn.evaluate_knn(*arguments, **settings)
        return
    assert knn.evaluate_knn(*arguments, **settings) == {'knn_1': 100.0}


def wrapped(kind, dataset):
    if kind == 'RepeatDataset':
        return dict(type=kind, times=3, dataset=dataset)
    if kind == 'ClassBalancedDataset':
        return dict(type=kind, oversample_thr=0.9, dataset=dataset)
    return dict(type='ConcatDataset', datasets=[wrapped('RepeatDataset', dataset), dataset])


@pytest.mark.parametrize('split', ['train', 'val'])
@pytest.mark.parametrize('kind', ['RepeatDataset', 'ClassBalancedDataset', 'ConcatDataset'])
def test_each_image_of_a_wrapped_data_set_counts_once(checkpoint, data, tmp_path, kind, split):
    """Sixteen images in each of the joined data sets."""
    config = Config.fromfile(FINETUNE)
    for name in ('train', 'val'):
        loader = config[f'{name}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
        loader.dataset = dict(
            type='mcl_plugins.ImageFolder',
            data_root=str(data),
            data_prefix=name,
            pipeline=loader.dataset.pipeline,
        )
    loader = config[f'{split}_dataloader']
    loader.dataset = wrapped('RepeatDataset', wrapped(kind, loader.dataset.to_dict()))
    file = tmp_path / 'wrapped.py'
    config.dump(file)
    found = extract(file, checkpoint, work_dir=tmp_path / 'work')
    images = {'train': 16, 'val': 16, split: 32 if kind == 'ConcatDataset' else 16}
    assert {'train': len(found.train), 'val': len(found.val)} == images
    assert found.train[:16].equal(found.val[:16])  # both with the validation pipeline


def test_a_result_file_of_any_name_is_written_and_named(checkpoint, tmp_path, capsys):
    out = tmp_path / 'caf\udce9.json'  # no UTF-8
    args = Namespace(config='a.py', cfg_options=None, checkpoint=checkpoint)
    write_results('knn', {'knn_1': 50.0}, out, args)
    assert json.loads(out.read_text())['results'] == {'knn_1': 50.0}
    assert r'caf\udce9.json' in capsys.readouterr().out
