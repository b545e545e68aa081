"""mcl init own: what it finds, and that its configs train and predict as they are."""

import csv
import json
import re

import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image

from mcl_plugins.cli.common import load_config
from mcl_plugins.cli.own.images import look_at_images
from mcl_plugins.cli.own.init import find_downstream, write_configs
from mcl_plugins.cli.own.labels import OBJECTS, Labels, look_at_labels
from mcl_plugins.cli.predict import predict
from mcl_plugins.cli.train import train

RNG = np.random.default_rng(0)


def paint(path, value=None, shape=(64, 64, 3), dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, shape) if value is None else np.full(shape, value)
    Image.fromarray(pixels.astype(dtype)).save(path)


def class_folders(root, splits=('train', 'val'), count=6):
    for split in splits:
        for label, name in enumerate(('dark', 'light')):
            for index in range(count):
                paint(root / split / name / f'{index}.png', 40 + 160 * label)
    return root


def built(file, split='train'):
    config = load_config(file)
    with DefaultScope.overwrite_default_scope(config.default_scope):
        return config, DATASETS.build(config[f'{split}_dataloader'].dataset)


@pytest.fixture(scope='module')
def classes(tmp_path_factory):
    root = tmp_path_factory.mktemp('own')
    class_folders(root / 'labelled')
    (root / 'labelled/train/notes.txt').touch()
    write_configs(root / 'labelled/train', root / 'labelled', out=root / 'own')
    return root


def shorten(file, **values):
    text = file.read_text()
    for name, value in values.items():
        text, changed = re.subn(rf'\b{name}=[^,)]+', f'{name}={value}', text)
        assert changed == 1
    file.write_text(text)


SMALL = """
model['backbone']['arch'] = dict(
    _delete_=True, embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)
model['{}']['in_channels'] = 48
"""


def test_three_commands_lead_from_images_to_drawn_results(classes):
    own = classes / 'own'
    for file, part in (('pretrain.py', 'neck'), ('classify.py', 'head')):
        with (own / file).open('a') as config:
            config.write(SMALL.format(part))
    shorten(own / 'pretrain.py', epochs=2, workers=0)
    shorten(own / 'classify.py', epochs=2, workers=0)
    text = (own / 'classify.py').read_text()
    (own / 'classify.py').write_text(text.replace('epoch_1600.pth', 'epoch_2.pth'))
    train(own / 'pretrain.py')
    runner = train(own / 'classify.py')
    assert runner.cfg.model.backbone.init_cfg.checkpoint == str(own / 'pretrain/epoch_2.pth')
    folder = predict(own / 'classify.py', [classes / 'labelled/val'])
    with (folder / 'predictions.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 and {row['class'] for row in rows} <= {'dark', 'light'}
    # The pictures' predictions are those of the test.
    right = np.mean([f'/{row["class"]}/' in row['file'] for row in rows])
    metrics = runner.val_loop.run()
    assert metrics['accuracy/top1'] == pytest.approx(100 * right)
    assert len(list(folder.glob('*.png'))) == 12


def test_values_and_their_reasons(classes):
    text = (classes / 'own/pretrain.py').read_text()
    assert '# 12 .png; 64 x 64 pixels; RGB; 8 bits\n' in text
    assert '# Left out: 1 .txt (not an image suffix).\n    count=12,' in text
    assert 'enlarged to 8 x 8 patches\n    image_size=128,' in text
    assert 'mean=[120.0, 120.0, 120.0],\n    std=[80.0, 80.0, 80.0],' in text
    assert 'batch_size=4,' in text and "_base_ = 'mcl_plugins::conmim/vit-s.py'" in text
    with pytest.raises(ValueError, match='has classify.py, pretrain.py already'):
        write_configs(classes / 'labelled/train', out=classes / 'own')


def test_folders_without_a_split_are_split(tmp_path):
    class_folders(tmp_path / 'all', splits=('.',))
    files = write_configs(
        tmp_path / 'all', tmp_path / 'all', method='mimco', arch='swin-t', out=tmp_path / 'own'
    )
    assert [file.name for file in files] == ['teacher.py', 'pretrain.py', 'classify.py']
    (config, train_set), (_, val_set) = (built(files[2], split) for split in ('train', 'val'))
    paths = [
        {data.get_data_info(i)['img_path'] for i in range(len(data))}
        for data in (train_set, val_set)
    ]
    assert [len(each) for each in paths] == [10, 2] and not paths[0] & paths[1]
    assert {data.get_data_info(0)['gt_label'] for data in (train_set, val_set)} == {0}
    student = load_config(files[1])
    teacher = load_config(files[0])
    file = student.model.teacher.backbone.init_cfg.checkpoint
    assert file == f'{teacher.work_dir}/epoch_{teacher.train_cfg.max_epochs}.pth'
    assert config.model.backbone.type == 'mcl_plugins.SwinTransformer'


def test_label_maps(tmp_path):
    for split in ('train', 'val'):
        for index in range(3):
            paint(tmp_path / f'maps/images/{split}/{index}.jpg')
            labels = np.where(np.arange(64)[:, None] < 9, 255, np.arange(64) // 22)
            (tmp_path / f'maps/labels/{split}').mkdir(parents=True, exist_ok=True)
            Image.fromarray(labels.astype(np.uint8)).save(
                tmp_path / f'maps/labels/{split}/{index}.png'
            )
    (tmp_path / 'maps/classes.txt').write_text('road\nhouse\ntree\n')
    files = write_configs(
        tmp_path / 'maps/images', tmp_path / 'maps', method='cmae', out=tmp_path / 'own'
    )
    config, data = built(files[1])
    assert data.metainfo['classes'] == ('road', 'house', 'tree') and len(data) == 3
    sample = data[0]
    assert sample['inputs'].shape == (3, 256, 256)
    assert set(sample['data_samples'].gt_sem_seg.data.unique().tolist()) <= {0, 1, 2, 255}
    assert config.model.backbone.arch == 'base'  # CMAE has a segmentor of ViT-B only
    assert load_config(files[0]).model.backbone.arch == 'base'


@pytest.fixture
def maps(tmp_path):
    """Write label maps whose upper half is 0 and lower half another value."""

    def write(split, values):
        paint(tmp_path / f'images/{split}/0.jpg')
        (tmp_path / f'labels/{split}').mkdir(parents=True)
        for index, value in enumerate(values):
            labels = np.where(np.arange(8)[:, None] < 4, 0, np.full(8, value))
            file = tmp_path / f'labels/{split}/{index:04}.png'
            Image.fromarray(labels.astype(np.uint8)).save(file)

    return write


@pytest.mark.parametrize('split', ['train', 'val'])
def test_a_class_that_is_in_one_map_alone_counts(tmp_path, maps, split):
    for each in ('train', 'val'):
        maps(each, [2] + [2, 5, 2] * (each == split) + [2] * 300)
    assert look_at_labels(tmp_path, tmp_path).names == [f'class {value}' for value in range(6)]


def test_maps_of_0_and_255_are_refused_and_not_of_one_class(tmp_path, maps):
    maps('train', [255, 0])
    maps('val', [255])
    with pytest.raises(ValueError, match='values 0 and 255, and 255 is ignored, .* here 0 and 1'):
        look_at_labels(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ([1, 255], 'values 1 and 255, and 255 is ignored, which leaves one class'),
        ([255], 'value 255, and 255 is ignored, which leaves no class'),
    ],
)
def test_maps_of_which_a_class_at_most_is_left_are_refused(tmp_path, values, message):
    for split in ('train', 'val'):
        paint(tmp_path / f'images/{split}/0.jpg')
        for value in values:
            paint(tmp_path / f'labels/{split}/{value}.png', value, (8, 8))
    with pytest.raises(ValueError, match=message):
        look_at_labels(tmp_path, tmp_path)


@pytest.mark.parametrize('content', [b'', b'no image', 'half'])
def test_label_maps_that_cannot_be_read_are_named(tmp_path, maps, content):
    for split in ('train', 'val'):
        maps(split, [2, 1])
    file = tmp_path / 'labels/train/0000.png'
    paint(file, shape=(64, 64))
    file.write_bytes(file.read_bytes()[:2000] if content == 'half' else content)
    found = look_at_labels(tmp_path, tmp_path)
    assert found.names == ['class 0', 'class 1', 'class 2']
    assert r'1 of 4 label maps cannot be read: labels/train/0000.png:' in found.describe()
    for other in tmp_path.glob('labels/*/*.png'):
        other.write_bytes(b'')
    with pytest.raises(ValueError, match=r'4 of 4 label maps cannot be read: .*, labels/val/0001'):
        look_at_labels(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ('labels', 'message'),
    [
        (np.zeros((8, 8, 3), np.uint8), '0.png has 3 channels of colour'),
        (np.full((8, 8), 300, np.uint16), '0.png has the labels 300 .uint16.'),
    ],
    ids=['colours', '16 bit'],
)
def test_label_maps_that_the_training_refuses_are_refused(tmp_path, maps, labels, message):
    """Before anything is written: with these the configs would not train."""
    for split in ('train', 'val'):
        maps(split, [1])
    Image.fromarray(labels).save(tmp_path / 'labels/val/0.png')
    with pytest.raises(ValueError, match=message):
        look_at_labels(tmp_path, tmp_path)


def test_names_of_classes_are_utf_8(tmp_path, maps):
    for split in ('train', 'val'):
        maps(split, [1])
    (tmp_path / 'classes.txt').write_bytes('\ufeffcafé\nbar\n'.encode())
    assert look_at_labels(tmp_path, tmp_path).names == ['café', 'bar']
    (tmp_path / 'classes.txt').write_bytes('café\nbar\n'.encode('latin-1'))
    with pytest.raises(ValueError, match='classes.txt is no UTF-8 text .*save it as UTF-8'):
        look_at_labels(tmp_path, tmp_path)


def test_images_that_cannot_be_read_or_listed_are_named(tmp_path, capsys):
    root = tmp_path / 'b\udce9'  # no UTF-8
    class_folders(root / 'all', splits=('.',))
    for name in ('caf\udce9.png', 'two\nlines.png'):
        paint(root / 'all/dark' / name)
    (root / 'all/light/broken.png').write_bytes(b'')
    files = write_configs(root / 'all', root / 'all', out=root / 'own')
    said = capsys.readouterr().out
    assert '; 1 of 15 images looked at cannot be read: light/broken.png.' in said
    assert r'leave out 2 images whose names are no line of UTF-8 text, the first is dark/' in said
    assert r'  mcl train ' in said and r'b\udce9/own/classify.py' in said
    _, data = built(files[1])
    assert len(data) == 11  # of 13 that can be listed


@pytest.mark.parametrize('outlines', [True, False])
def test_one_coco_file(tmp_path, outlines):
    notes, listed = [], []
    for index in range(10):
        paint(tmp_path / f'photos/{index}.png')
        listed.append(dict(id=index, file_name=f'{index}.png', width=64, height=64))
        note = dict(
            id=index + 1, image_id=index, category_id=7, bbox=[4, 4, 20, 20], area=400, iscrowd=0
        )
        outline = [[4, 4, 24, 4, 24, 24, 4, 24]]
        notes.append({**note, 'segmentation': outline} if outlines else note)
    content = dict(images=listed, annotations=notes, categories=[dict(id=7, name='cow')])
    (tmp_path / 'farm.json').write_text(json.dumps(content))
    files = write_configs(tmp_path / 'photos', tmp_path / 'farm.json', out=tmp_path / 'own')
    (config, train_set), (_, val_set) = (built(files[1], split) for split in ('train', 'val'))
    assert [len(train_set), len(val_set)] == [8, 2]
    instances = train_set[0]['data_samples'].gt_instances
    assert ('masks' in instances) == outlines and len(instances) == 1
    heads = config.model.roi_head
    assert heads.bbox_head.num_classes == 1
    assert (heads.mask_head is not None) == outlines


@pytest.mark.parametrize(
    ('dtype', 'values', 'expected', 'mean'),
    [
        ('uint16', (0, 4000), {'bit_depth': 12}, 127.5 * 4000 / 4095),
        ('float32', (-1.0, 3.0), {'value_range': (-1.0, 3.0)}, 127.5),
    ],
)
def test_deep_images_get_the_setting_that_they_need(tmp_path, dtype, values, expected, mean):
    tifffile = pytest.importorskip('tifffile')
    image = np.where(np.arange(64) < 32, *values).astype(dtype) * np.ones((64, 1), dtype)
    tifffile.imwrite(tmp_path / '1.tif', image)
    found = look_at_images(tmp_path)
    assert found.reading == expected and found.bands == 1
    assert found.mean == pytest.approx([mean] * 3, abs=1)


def test_what_cannot_be_used_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='does not exist'):
        look_at_images(tmp_path / 'absent')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'empty/notes.txt').touch()
    with pytest.raises(ValueError, match=r'no images, .*Left out: 1 .txt'):
        look_at_images(tmp_path / 'empty')
    with pytest.raises(ValueError, match='train/CLASS'):
        look_at_labels(tmp_path / 'empty', tmp_path)
    paint(tmp_path / 'images/1.png')
    with pytest.raises(FileNotFoundError, match='there is no such method; there are ccmim, cmae'):
        write_configs(tmp_path / 'images', method='mae', out=tmp_path / 'own')
    boxes = Labels(tmp_path, OBJECTS, ['cow'], 8, 2)
    with pytest.raises(FileNotFoundError, match='--method mocov3: .*: ccmim, cmae, conmim'):
        find_downstream('mocov3', 'vit-s', boxes, asked=False)
