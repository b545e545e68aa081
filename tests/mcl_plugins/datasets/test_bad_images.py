"""Broken images in a training are replaced and listed; in an evaluation they end it."""

import copy
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mcl_plugins.cli.visualize.pictures import read_images, save
from mcl_plugins.datasets.bad_images import BadImages, default_limit
from mcl_plugins.datasets.image_folder import ImageFolder
from mcl_plugins.engine.runner import Runner
from processes import run_on_two_processes

PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]


def spoil(images, *numbers):
    """Break the files of some of the sixteen images."""
    for number in numbers:
        (path,) = images.rglob(f'{number}.jpg')
        path.write_bytes(path.read_bytes()[:200] if number % 2 else b'')


def listed(work_dir):
    lines = Path(work_dir, 'bad_images.txt').read_text().splitlines()
    return {Path(line.split('\t')[0]).name: line.split('\t')[1] for line in lines}


def log_of(runner):
    (log,) = Path(runner.log_dir).glob('*.log')
    return log.read_text()


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('by_epoch', [True, False])
def test_a_training_goes_on_and_lists_them(training_config, images, workers, by_epoch):
    spoil(images, 3, 8, 15)
    training_config.train_dataloader.num_workers = workers
    training_config.train_cfg = dict(by_epoch=True, max_epochs=2)
    if not by_epoch:
        training_config.train_cfg = dict(by_epoch=False, max_iters=8)
        training_config.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
    runner = Runner.from_cfg(training_config)
    runner.train()
    assert runner.iter == 8
    found = listed(training_config.work_dir)
    assert found.keys() == {'3.jpg', '8.jpg', '15.jpg'} and 'empty file' in found['8.jpg']
    lines = Path(training_config.work_dir, 'bad_images.txt').read_text().splitlines()
    assert workers or len(lines) == 3  # once in two epochs
    assert '3 images could not be read and were replaced' in log_of(runner)
    # The following image replaces it.
    data = runner.train_dataloader.dataset
    names = [Path(data.get_data_info(index)['img_path']).name for index in range(len(data))]
    place = names.index('3.jpg')
    sample = data[place]['data_samples']
    assert Path(sample.img_path).name == names[(place + 1) % 16]


def test_above_the_limit_the_run_stops_with_the_list(training_config, images):
    spoil(images, 3, 8, 15)
    training_config.train_dataloader.dataset.max_bad_images = 2
    runner = Runner.from_cfg(training_config)
    words = (
        r'(?s)3 images .* more than the 2 .*\.jpg.*\.jpg.*\.jpg.*bad_images\.txt.*max_bad_images'
    )
    with pytest.raises(ValueError, match=words):
        runner.train()
    assert len(listed(training_config.work_dir)) == 3


def test_zero_stops_at_the_first_also_in_a_worker(training_config, images):
    spoil(images, 3)
    training_config.train_dataloader.num_workers = 1
    training_config.train_dataloader.dataset.max_bad_images = 0
    with pytest.raises(ValueError, match=r'1 images .*[\s\S]*3\.jpg'):
        Runner.from_cfg(training_config).train()


def test_a_new_run_begins_a_new_list_and_a_resumed_one_continues_it(training_config, images):
    spoil(images, 3)
    training_config.train_cfg.max_epochs = 2
    Runner.from_cfg(training_config).train()
    Path(training_config.work_dir, 'epoch_2.pth').unlink()
    spoil(images, 8)
    config = copy.deepcopy(training_config)
    config.resume, config.experiment_name = True, 'resumed'
    Runner.from_cfg(config).train()
    assert listed(config.work_dir).keys() == {'3.jpg', '8.jpg'}
    shutil.copy(next(images.rglob('1.jpg')), next(images.rglob('3.jpg')))
    config.resume, config.experiment_name = False, 'new'
    Runner.from_cfg(config).train()
    assert listed(config.work_dir).keys() == {'8.jpg'}


@pytest.mark.parametrize('workers', [0, 1])
def test_images_that_were_repaired_or_removed_no_longer_count(training_config, images, workers):
    """With as many bad images as are allowed, others are repaired and others break."""
    spoil(images, 3, 8, 15)
    training_config.train_cfg.max_epochs = 2
    loader = training_config.train_dataloader
    loader.dataset.max_bad_images, loader.num_workers = 3, workers
    Runner.from_cfg(training_config).train()
    work = Path(training_config.work_dir)
    (work / 'epoch_2.pth').unlink()
    shutil.copy(next(images.rglob('1.jpg')), next(images.rglob('3.jpg')))
    (folder,) = {path.parent for path in images.rglob('8.jpg')}
    (folder / '8.jpg').rename(folder / 'renamed.jpg')  # a new name of a file that is still bad
    training_config.resume, training_config.experiment_name = True, f'{work.parent.name}-resumed'
    runner = Runner.from_cfg(training_config)
    runner.train()
    assert listed(work).keys() == {'15.jpg', 'renamed.jpg'}
    data, log = runner.train_dataloader.dataset, log_of(runner)
    assert '2 of the images in bad_images.txt can be read now' in log and '3.jpg' in log
    places = [data.get_data_info(index)['img_path'] for index in range(len(data))]
    place = next(index for index, path in enumerate(places) if path.endswith('/3.jpg'))
    assert data[place]['data_samples'].img_path == places[place]  # it is trained on again


def test_mended_images_leave_the_list_and_the_others_stay_as_they_are(tmp_path):
    bad = BadImages(tmp_path / 'bad_images.txt', limit=5)
    assert bad.recheck(lambda name: False) == [] and not bad.file.exists()
    for name in ('a.jpg', 'b.jpg', 'c.jpg'):
        bad.add(name, f'{name} is empty')
    before = bad.file.stat().st_ino
    assert bad.recheck(lambda name: True) == [] and bad.file.stat().st_ino == before
    assert bad.recheck(lambda name: name != 'b.jpg') == ['b.jpg']
    assert bad.read() == {'a.jpg': 'a.jpg is empty', 'c.jpg': 'c.jpg is empty'}


def test_an_evaluation_replaces_nothing(images):
    spoil(images, 0)
    for settings in ({}, {'test_mode': True, 'max_bad_images': 5}):
        data = ImageFolder(
            data_root=str(images), data_prefix='train', pipeline=PIPELINE, **settings
        )
        if settings:
            data.replace_bad_images(str(images))
        with pytest.raises(ValueError, match=r'0\.jpg cannot be read as an image \(an empty file'):
            data[0]
    assert not (images / 'bad_images.txt').exists()


def test_images_that_all_fail_are_refused_before_the_first_step(training_config, images):
    for path in images.rglob('*.jpg'):
        Image.fromarray(np.zeros((8, 8), np.float32)).save(path, 'TIFF')
    runner = Runner.from_cfg(training_config)
    with pytest.raises(ValueError, match=r'\.jpg has values of type float32.*value_range'):
        runner.train()
    assert not Path(training_config.work_dir, 'bad_images.txt').exists()


def test_the_bit_depth_is_that_of_the_data_set_as_a_whole(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        'mcl_plugins.utils.bit_depth.print_log',
        lambda text, _: said.append(re.search(r'scaled.*?\)\.', text)[0]),
    )
    for index, largest in enumerate((900, 65000, 700)):
        Image.fromarray(np.full((8, 8), largest, np.uint16)).save(tmp_path / f'{index}.png')
    data = ImageFolder(data_root=str(tmp_path), with_label=False, pipeline=PIPELINE)
    assert said == ['scaled to 8 bits: 65535 becomes 255 (the largest value of 16 bits).']
    pixels = [data[index]['inputs'].max().item() for index in range(3)]
    assert pixels == [round(900 / 257), round(65000 / 257), round(700 / 257)]
    (tmp_path / '1.png').unlink()
    with pytest.raises(ValueError, match=r'0\.png has 16 bits .* 900, needs only 10'):
        ImageFolder(data_root=str(tmp_path), with_label=False, pipeline=PIPELINE)
    loader = dict(type='mcl_plugins.LoadImageFromFile', bit_depth=10)
    pipeline = [loader, PIPELINE[1]]
    data = ImageFolder(data_root=str(tmp_path), with_label=False, pipeline=pipeline)
    assert data[0]['inputs'].max() == round(900 * 255 / 1023)
    assert said[1:] == ['scaled to 8 bits: 1023 becomes 255 (bit_depth=10).']


@pytest.mark.parametrize('value', [-1, 2.5, True, 'many'])
def test_a_limit_that_is_no_number_is_refused(tmp_path, value):
    with pytest.raises(ValueError, match=f'max_bad_images={value!r} must be a whole number'):
        ImageFolder(data_root=str(tmp_path), max_bad_images=value)


def test_the_default_is_ten_or_five_per_million():
    assert [default_limit(n) for n in (16, 10**6, 2 * 10**6, 10**7)] == [10, 10, 10, 50]


def _write_many(rank, folder):
    bad = BadImages(Path(folder, 'bad_images.txt'), limit=1000)
    for number in range(200):
        bad.add(f'{"x" * number}/{rank if number % 2 else "both"}-{number}.jpg', 'line\nof\ntwo')


def test_processes_write_whole_lines(tmp_path):
    run_on_two_processes(_write_many, str(tmp_path))
    lines = (tmp_path / 'bad_images.txt').read_text().splitlines()
    assert all(line.endswith('.jpg\tline of two') for line in lines)
    assert len(BadImages(tmp_path / 'bad_images.txt', 0).read()) == 300


def test_a_name_that_is_no_utf_8_is_listed(tmp_path):
    bad = BadImages(tmp_path / 'bad_images.txt', limit=5)
    for _ in range(2):
        bad.add('caf\udce9.jpg', 'caf\udce9.jpg is empty')
    bad.added.clear()
    bad.add('caf\udce9.jpg', 'again')
    assert bad.read() == {'caf\\udce9.jpg': 'caf\\udce9.jpg is empty'}


def test_a_training_on_names_that_are_no_utf_8(training_config, images, capfd):
    """Whole ones are read, broken ones listed, and all of them can be written to the log."""
    folder = images / 'train/0'
    whole, broken = folder / '0.jpg', folder / '2.jpg'
    odd = folder / os.fsdecode(b'caf\xe9.jpg')
    whole.rename(odd)
    broken.write_bytes(b'')
    broken.rename(folder / os.fsdecode(b'na\xefve.jpg'))
    training_config.train_dataloader.num_workers = 1
    runner = Runner.from_cfg(training_config)
    runner.train()
    assert len(runner.train_dataloader.dataset) == 16
    log = log_of(runner)
    assert '2 names are no UTF-8 text and shown with escapes: 0/caf\\udce9.jpg, ...' in log
    assert 'na\\udcefve.jpg cannot be read as an image (an empty file)' in log
    assert listed(training_config.work_dir).keys() == {'na\\udcefve.jpg'}
    assert 'Logging error' not in capfd.readouterr().err


def test_a_class_folder_whose_name_is_no_utf_8_is_refused(tmp_path):
    folder = tmp_path / os.fsdecode(b'caf\xe9')
    folder.mkdir()
    (folder / '1.jpg').touch()
    with pytest.raises(ValueError, match=r'class folder caf\\udce9 in .* rename it'):
        ImageFolder(data_root=str(tmp_path))


def test_a_picture_of_a_name_that_is_no_utf_8(tmp_path, capsys):
    path = tmp_path / os.fsdecode(b'caf\xe9.png')
    Image.new('RGB', (40, 40), 'red').save(path)
    assert read_images([tmp_path], 1, 32)[0, :, 5, 5].tolist() == [255, 0, 0]
    save(Figure(figsize=(1, 1)), path)
    assert 'caf\\udce9.png' in capsys.readouterr().out
    path.write_bytes(b'')
    with pytest.raises(ValueError, match=r'caf\\udce9\.png cannot be read'):
        read_images([tmp_path], 1, 32)
