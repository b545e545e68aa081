"""Which of several COCO files has the images for training, and which those for validation."""

import json

import pytest

from mcl_plugins.cli.own.labels import look_at_labels


def coco(path, count=10):
    """A COCO file of images without objects, which lie beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [f'{path.stem}_{index}.jpg' for index in range(count)]
    for name in names:
        (path.parent / name).touch()
    images = [dict(id=index, file_name=name) for index, name in enumerate(names)]
    category = dict(id=1, name='cell')
    path.write_text(json.dumps(dict(images=images, annotations=[], categories=[category])))


@pytest.mark.parametrize(
    'name', ['all.json', 'instances_trainval.json', 'train_val.json', 'interval.json', 'val.json']
)
def test_every_fifth_image_of_a_single_file_is_held_out(tmp_path, name):
    """Its name may be that of a split, or of both."""
    coco(tmp_path / name)
    found = look_at_labels(tmp_path, tmp_path)
    assert (found.count, found.held_out) == (8, 2)
    train, val = (
        json.loads(found.written[f'{split}.json'])['images'] for split in ('train', 'val')
    )
    assert not {image['id'] for image in train} & {image['id'] for image in val}


@pytest.mark.parametrize(
    'names',
    [
        ('instances_train2017.json', 'instances_val2017.json'),
        ('my-training.json', 'my-validation.json'),
        ('train/_annotations.coco.json', 'valid/_annotations.coco.json'),
        ('train/a.json', 'train/val.json'),
    ],
)
def test_two_files_are_told_by_their_names_or_folders(tmp_path, names):
    for name, count in zip(names, (7, 3), strict=True):
        coco(tmp_path / name, count)
    found = look_at_labels(tmp_path, tmp_path)
    assert (found.count, found.held_out, found.written) == (7, 3, {})


@pytest.mark.parametrize(
    'names', [('train_a.json', 'train_b.json'), ('trainval.json', 'test.json')]
)
def test_several_files_without_two_splits_are_named(tmp_path, names):
    for name in names:
        coco(tmp_path / name)
    with pytest.raises(ValueError, match=rf'{names[0]}.* are several COCO files.*give one file'):
        look_at_labels(tmp_path, tmp_path)


@pytest.mark.parametrize(('count', 'held_out'), [(2, 1), (4, 1), (5, 1), (10, 2)])
def test_of_few_images_the_last_is_held_out(tmp_path, count, held_out):
    coco(tmp_path / 'farm.json', count)
    assert look_at_labels(tmp_path, tmp_path).held_out == held_out


def test_of_few_images_of_a_class_the_last_is_held_out(tmp_path):
    for name, count in (('dark', 3), ('light', 1)):
        for index in range(count):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f'{index}.png').touch()
    found = look_at_labels(tmp_path, tmp_path)
    assert found.written['val.txt'] == 'dark/2.png 0\n'
    assert found.written['train.txt'] == 'dark/0.png 0\ndark/1.png 0\nlight/0.png 1\n'
    for file in (tmp_path / 'dark').glob('[12].png'):
        file.unlink()
    with pytest.raises(ValueError, match='no class has two images'):
        look_at_labels(tmp_path, tmp_path)
