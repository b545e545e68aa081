"""mcl predict of a segmentor and a detector; that of a classifier is in own/test_init.py."""

import csv
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from PIL import Image

from mcl_plugins.cli.common import load_config
from mcl_plugins.cli.predict import _of_segmentor, find_trained, predict
from mcl_plugins.cli.visualize.pictures import read_images


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'photo.png')
    return tmp_path / 'photo.png'


def save_random(name, classes, file):
    """Write a checkpoint of the config's model with random weights."""
    config = load_config(name)
    init_default_scope(config.default_scope)
    config.model.backbone.pop('init_cfg', None)
    torch.manual_seed(0)
    if config.default_scope == 'mmpretrain':
        config.model.data_preprocessor = config.data_preprocessor
    model = MODELS.build(config.model)
    meta = {'dataset_meta': {'classes': classes}}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, file)


CLASSIFIER, SEGMENTOR = 'quickstart/masked_moco_finetune.py', 'quickstart/scenes_upernet.py'
CLASSES = {CLASSIFIER: tuple('0123456789'), SEGMENTOR: tuple('abcdef')}


@pytest.fixture(params=CLASSES)
def model(request, tmp_path):
    """Return config and checkpoint of a model with random weights."""
    save_random(request.param, CLASSES[request.param], tmp_path / 'model.pth')
    return request.param, tmp_path / 'model.pth'


def files_of(out):
    """Return the files that the table names, or those of the label maps."""
    table = out / 'predictions.csv'
    if not table.is_file():
        return sorted(file.name for file in (out / 'maps').iterdir())
    with table.open(encoding='utf-8') as file:
        return [row['file'] for row in csv.DictReader(file)]


@pytest.mark.parametrize('content', [b'no image', b'', 'half'])
def test_what_cannot_be_read_is_left_out_and_named(model, photo, tmp_path, content):
    """The first and the last of three files."""
    half = photo.read_bytes()[:9000]
    folder = tmp_path / 'photos'
    folder.mkdir()
    shutil.copy(photo, folder)
    for name in ('a.png', 'z.png'):
        (folder / name).write_bytes(half if content == 'half' else content)
    config, checkpoint = model
    message = r'2 of 3 images cannot be read: .*a\.png, .*z\.png \(the first: .*a\.png .*left out'
    with pytest.warns(UserWarning, match=message):
        out = predict(config, [folder], checkpoint, tmp_path / 'out')
    assert len(files_of(out)) == 1 and 'photo.png' in files_of(out)[0]
    assert [file.name for file in out.glob('*.png')] == ['00001_photo.png']
    (folder / 'photo.png').unlink()
    with pytest.raises(ValueError, match='2 of 2 images cannot be read'):
        predict(config, [folder], checkpoint, tmp_path / 'none')


def test_a_dark_file_of_16_bits_is_read_as_those_beside_it(model, tmp_path):
    """By itself it cannot be told from one of 10 bits."""
    folder = tmp_path / 'deep'
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 2**16, (96, 96)).astype(np.uint16)
    for name, shift in (('bright', 0), ('dark', 6)):
        Image.fromarray(pixels >> shift).save(folder / f'{name}.png')
    config, checkpoint = model
    out = predict(config, [folder], checkpoint, tmp_path / 'out')
    assert len(files_of(out)) == 2
    bright, dark = read_images([folder], 2, 64).float().flatten(1).mean(1)
    assert 120 < bright < 136 and 1 < dark < 3
    with pytest.raises(ValueError, match='needs only 10'):
        predict(config, [folder / 'dark.png'], checkpoint, tmp_path / 'alone')


def test_names_that_are_no_utf_8(model, photo, tmp_path, capsys):
    folder = tmp_path / 'b\udce9'
    folder.mkdir()
    shutil.copy(photo, folder / 'caf\udce9.png')
    config, checkpoint = model
    out = predict(config, [folder], checkpoint, tmp_path / 'out\udce9')
    assert len(files_of(out)) == 1 and 'caf' in files_of(out)[0]
    assert r'1 pictures: ' in (said := capsys.readouterr().out) and r'out\udce9' in said
    assert [file.name for file in out.glob('*.png')] == ['00000_caf\udce9.png']


def test_the_steps_of_a_wrapped_test_set_are_found(model, photo, tmp_path):
    name, checkpoint = model
    plain = predict(name, [photo], checkpoint, tmp_path / 'plain')
    config = load_config(name)
    inner = config.test_dataloader.dataset.to_dict()
    config.test_dataloader.dataset = dict(type='ConcatDataset', datasets=[inner])
    config.dump(tmp_path / 'wrapped.py')
    out = predict(tmp_path / 'wrapped.py', [photo], checkpoint, tmp_path / 'wrapped')
    tables = [sorted(place.rglob('*.*')) for place in (plain, out)]
    for files in zip(*tables, strict=True):
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_map_of_many_classes_has_16_bits(tmp_path):
    """In 8 bits class 300 would be class 44."""
    pixels = torch.tensor([[0, 300], [7, 255]])
    sample = SimpleNamespace(pred_sem_seg=SimpleNamespace(data=pixels[None]))
    _of_segmentor(tmp_path / 'photo.jpg', sample, tmp_path / 'photo.png', [], 0.3)
    with Image.open(tmp_path / 'maps/photo.png') as image:
        assert np.asarray(image).tolist() == pixels.tolist()


def test_segmentor(photo, tmp_path):
    name, classes = 'quickstart/scenes_upernet.py', tuple('abcdef')
    save_random(name, classes, tmp_path / 'model.pth')
    out = predict(name, [photo], tmp_path / 'model.pth', tmp_path / 'out')
    with Image.open(out / 'maps/00000_photo.png') as image:
        labels = np.asarray(image)
    assert labels.shape == (96, 128) and labels.max() < len(classes)
    with Image.open(out / '00000_photo.png') as picture:
        drawn = np.asarray(picture.convert('RGB'))
    assert drawn.shape == (96, 128, 3) and not np.array_equal(drawn, Image.open(photo))


def test_detector(photo, tmp_path):
    name, classes = 'quickstart/scenes_mask-rcnn.py', tuple('abcde')
    save_random(name, classes, tmp_path / 'model.pth')
    out = predict(name, [photo], tmp_path / 'model.pth', tmp_path / 'out', score=0.06)
    found = json.loads((out / 'predictions.json').read_text())
    assert found and {each['class'] for each in found} <= set(classes)
    for each in found:
        left, top, right, bottom = each['box']
        assert 0 <= left < right <= 128 and 0 <= top < bottom <= 96 and each['score'] >= 0.06
    assert (out / '00000_photo.png').is_file()


def test_what_is_missing_is_named(photo, tmp_path):
    with pytest.raises(ValueError, match='is a pre-training config'):
        predict('conmim/vit-s.py', [photo])
    config = load_config('own/classifier_vit-s.py', work_dir=tmp_path)
    config.default_hooks.checkpoint.out_dir = str(tmp_path / 'disk')
    best = tmp_path / 'disk' / tmp_path.name / 'best_accuracy_top1_epoch_3.pth'
    best.parent.mkdir(parents=True)
    best.touch()
    assert find_trained(config) == str(best)
    other = best.with_name('best_loss_epoch_4.pth')
    other.touch()
    config.default_hooks.checkpoint.save_best = ['accuracy/top1', 'loss']
    assert find_trained(config) == str(best)  # by the first metric, though the other is newer
    other.unlink()
    best.unlink()
    with pytest.raises(
        FileNotFoundError, match='has no checkpoint: train the model with mcl train'
    ):
        find_trained(config)
