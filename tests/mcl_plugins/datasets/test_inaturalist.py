"""iNaturalist: labels by the published join, in one pass, and what does not fit."""

import json
import random

import pytest
from mmengine.registry import DATASETS
from PIL import Image

from mcl_plugins.datasets import inaturalist

YEARS = {2018: 8142, 2019: 1010}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Five classes, whose ids have a gap, and annotations in another order than the images."""
    monkeypatch.setitem(inaturalist.CLASSES, 2018, 5)
    folder = tmp_path / 'train_val2018/Aves/7'
    folder.mkdir(parents=True)
    images = [dict(id=10 * i, file_name=f'train_val2018/Aves/7/{i}.jpg') for i in range(20)]
    for image in images:
        Image.new('RGB', (8, 8)).save(tmp_path / image['file_name'])
    ids = [9, 0, 3, 1, 4]
    content = dict(
        info={},
        licenses=[],
        images=images,
        annotations=[
            dict(id=i, image_id=image['id'], category_id=ids[i % 5])
            for i, image in enumerate(images)
        ],
        categories=[dict(id=i, name=f'species {i}', supercategory='Aves') for i in ids],
    )
    random.Random(0).shuffle(content['annotations'])
    (tmp_path / 'train2018.json').write_text(json.dumps(content))
    return tmp_path


def build(root, **changes):
    config = dict(type='mcl_plugins.INaturalist', data_root=str(root))
    return DATASETS.build({**config, **changes})


def change(root, **parts):
    path = root / 'train2018.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **parts}))


def test_labels_are_those_of_a_search_through_the_file(root):
    dataset = build(root)
    content = json.loads((root / 'train2018.json').read_text())
    ids = sorted(category['id'] for category in content['categories'])
    expected = [
        (str(root / image['file_name']), ids.index(annotation['category_id']))
        for image in content['images']
        for annotation in content['annotations']
        if annotation['image_id'] == image['id']
    ]
    assert [(info['img_path'], info['gt_label']) for info in dataset] == expected
    assert list(dataset.CLASSES) == [f'species {i}' for i in (0, 1, 3, 4, 9)]


def test_the_class_numbers_are_the_published_ones():
    assert inaturalist.CLASSES == YEARS


def test_the_entries_are_looked_at_once(tmp_path, monkeypatch):
    """There are 437,513 images for training; a search for each annotation would take days."""
    looks = []

    class Entry(dict):
        def __getitem__(self, key):
            looks.append(key)
            return super().__getitem__(key)

    def read(path, remedy):
        return json.loads(path.read_bytes(), object_hook=Entry)

    monkeypatch.setattr(inaturalist, 'read_json', read)
    monkeypatch.setitem(inaturalist.CLASSES, 2018, 50)
    number = 2000
    content = dict(
        images=[dict(id=i, file_name=f'a/{i}.jpg') for i in range(number)],
        annotations=[dict(image_id=i, category_id=i % 50) for i in range(number)],
        categories=[dict(id=i, name=str(i)) for i in range(50)],
    )
    (tmp_path / 'train2018.json').write_text(json.dumps(content))
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/0.jpg').touch()
    samples = build(tmp_path, lazy_init=True).load_data_list()
    assert len(samples) == number and samples[-1]['gt_label'] == (number - 1) % 50
    assert 4 * number <= len(looks) < 5 * number  # image and annotation have two keys each


@pytest.mark.parametrize('changes', [dict(year=2017), dict(split='test')])
def test_other_years_and_splits_are_an_error(root, changes):
    with pytest.raises(ValueError, match=r'years \[2018, 2019\] and the splits train and val'):
        build(root, **changes)


def test_missing_annotations_are_an_error(root):
    with pytest.raises(FileNotFoundError, match=r'val2018.json.*tar.gz.*data_root='):
        build(root, split='val')


def test_missing_images_are_an_error(root):
    (root / 'train_val2018').rename(root / 'elsewhere')
    with pytest.raises(FileNotFoundError, match=r'0.jpg, which.*Unpack train_val2018.tar.gz'):
        build(root)


def test_an_incomplete_file_is_an_error(root):
    path = root / 'train2018.json'
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match='train2018.json is no JSON or ends too early.*Unpack'):
        build(root)


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        (dict(annotations=[]), r"has no \['annotations'\]"),
        (dict(annotations=[dict(image_id=0, category_id=9)]), r'an image without annotation.*10'),
        (dict(annotations=[dict(image_id=0, category_id=7)]), r'unknown category.*7'),
        (dict(categories=[dict(id=0, name='a')]), '1 categories, iNaturalist 2018 has 5'),
    ],
)
def test_other_contents_are_an_error(root, parts, message):
    change(root, **parts)
    with pytest.raises(ValueError, match=message):
        build(root)
