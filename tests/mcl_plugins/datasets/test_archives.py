"""Images in archives: the same as in folders, for WebDataset and Hugging Face too."""

import io
import json
import os
import tarfile

import numpy as np
import pytest
from mmengine.fileio import get
from PIL import Image

from mcl_plugins.cli.data.pack import pack_folder
from mcl_plugins.datasets import ImageFolder, ImageNet, ImageNet100, ShardSampler, listing_cache
from mcl_plugins.datasets.archives import find_archives, sampler
from mcl_plugins.datasets.archives.address import parse_address

pa = pytest.importorskip('pyarrow')
parquet = pytest.importorskip('pyarrow.parquet')

CLASSES = ('ant', 'bee')


def encode(value, side=8, kind='PNG'):
    """An image file of one gray value."""
    file = io.BytesIO()
    Image.new('RGB', (side, side + 4), (value,) * 3).save(file, kind)
    return file.getvalue()


@pytest.fixture
def photos(tmp_path):
    """Ten images in two folders, of ten values."""
    for value in range(10):
        path = tmp_path / f'photos/{CLASSES[value % 2]}/{value}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(value * 20))
    return tmp_path / 'photos'


def write_table(path, rows, labelled=True, features=True):
    image = pa.struct([('bytes', pa.binary()), ('path', pa.string())])
    fields = [pa.field('image', image)] + [pa.field('label', pa.int64())] * labelled
    stated = {'image': {'_type': 'Image'}, 'label': {'_type': 'ClassLabel', 'names': CLASSES}}
    meta = {'huggingface': json.dumps({'info': {'features': stated}})} if features else None
    schema = pa.schema(fields, metadata=meta)
    columns = [[{'bytes': content, 'path': name} for name, content, _ in rows]]
    columns += [[label for *_, label in rows]] * labelled
    table = pa.table(columns, schema=schema)
    path.parent.mkdir(exist_ok=True)
    if path.suffix == '.parquet':
        parquet.write_table(table, path, row_group_size=2)
    else:
        with pa.ipc.new_stream(str(path), schema) as writer:
            writer.write_table(table, max_chunksize=2)


def write_tar(path, members):
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, 'w') as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def values(dataset):
    """The value and the class name of each image."""
    found = []
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        image = np.array(Image.open(io.BytesIO(get(record['img_path']))))
        name = dataset.metainfo['classes'][record['gt_label']]
        found.append((int(image[0, 0, 0]), name))
    return found


def test_packed_images_are_those_of_the_folder(photos, tmp_path):
    shards = pack_folder(photos, tmp_path / 'shards/train', images=4)
    assert [shard.name for shard in shards] == [f'train-00000{n}.tar' for n in range(3)]
    folder = ImageFolder(data_root=str(photos))
    packed = ImageFolder(data_root=str(tmp_path / 'shards'), data_prefix='train')
    assert sorted(values(packed)) == sorted(values(folder))
    assert values(packed) != values(folder)  # they are shuffled
    assert packed.metainfo['classes'] == CLASSES
    with pytest.raises(FileExistsError, match='train-000000'):
        pack_folder(photos, tmp_path / 'shards/train')


def test_webdataset_reads_what_is_packed_and_is_read(photos, tmp_path):
    webdataset = pytest.importorskip('webdataset')
    shards = pack_folder(photos, tmp_path / 'shards/train', images=5)
    samples = list(webdataset.WebDataset([str(shard) for shard in shards], shardshuffle=False))
    assert len(samples) == 10
    own = ImageFolder(data_root=str(tmp_path / 'shards/train-*.tar'))
    theirs = {sample['__key__']: sample['png'] for sample in samples}
    assert {
        parse_address(own.get_data_info(index)['img_path']).name.removesuffix('.png'): get(
            own.get_data_info(index)['img_path']
        )
        for index in range(10)
    } == theirs

    with webdataset.TarWriter(str(tmp_path / 'theirs.tar')) as writer:
        for value in range(4):
            content = {'png': encode(value), 'cls': value % 2, 'json': {'value': value}}
            writer.write({'__key__': f'{value:04d}', **content})
    dataset = ImageFolder(data_root=str(tmp_path / 'theirs.tar'), metainfo=dict(classes=CLASSES))
    assert values(dataset) == [(0, 'ant'), (1, 'bee'), (2, 'ant'), (3, 'bee')]


@pytest.mark.parametrize('kind', ['parquet', 'arrow'])
def test_tables_of_hugging_face(tmp_path, kind):
    rows = [(f'{value}.png', encode(value), value % 2) for value in range(7)]
    write_table(tmp_path / f'data/train-00000-of-00002.{kind}', rows[:4])
    write_table(tmp_path / f'data/train-00001-of-00002.{kind}', rows[4:])
    write_table(tmp_path / f'data/validation-00000-of-00001.{kind}', rows[:2])
    train, val = (
        ImageFolder(data_root=str(tmp_path / 'data'), data_prefix=name) for name in ('train', 'val')
    )
    assert values(train) == [(value, CLASSES[value % 2]) for value in range(7)]
    assert len(val) == 2 and val.metainfo['classes'] == CLASSES
    path = train.get_data_info(6)['img_path']
    assert path.endswith(f'train-00001-of-00002.{kind}#2/6.png')
    kept = list(tmp_path.glob('data/.*.arrow'))
    assert len(kept) == 3 * (kind == 'parquet')
    again = kept[0].stat().st_ino if kept else None
    ImageFolder(data_root=str(tmp_path / 'data'), data_prefix='train')
    assert not kept or kept[0].stat().st_ino == again


def test_other_tables(tmp_path):
    file = tmp_path / 'a.parquet'
    write_table(file, [(None, encode(3), 0)], labelled=False, features=False)
    data = ImageFolder(data_root=str(file), with_label=False)
    assert data.get_data_info(0)['img_path'] == f'arrow://{file}#0/0'
    write_table(tmp_path / 'b.arrow', [('x', encode(3), -1)])
    with pytest.raises(ValueError, match=r'b\.arrow has the label -1, .* with_label=False'):
        ImageFolder(data_root=str(tmp_path / 'b.arrow'))
    parquet.write_table(pa.table({'text': ['a']}), tmp_path / 'c.parquet')
    with pytest.raises(ValueError, match=r'no column of image files, only text'):
        ImageFolder(data_root=str(tmp_path / 'c.parquet'))
    (tmp_path / 'd.arrow').write_text('no table')
    with pytest.raises(ValueError, match=r'd\.arrow cannot be read as a table'):
        ImageFolder(data_root=str(tmp_path / 'd.arrow'))


def test_what_is_taken_for_archives(photos, tmp_path):
    shards = pack_folder(photos, tmp_path / 'shards/train', images=5)
    names = [str(shard) for shard in shards]
    for place in ('shards', 'shards/train', 'shards/*.tar', 'shards/train-00000[01].tar'):
        assert find_archives(f'{tmp_path}/{place}') == names, place
    assert find_archives(names[0]) == names[:1]
    assert find_archives(str(photos)) == find_archives('s3://bucket/train') == []
    write_tar(photos / 'old.tar', [])  # beside the folders of the classes
    assert find_archives(str(photos)) == []
    write_table(tmp_path / 'shards/train-0.parquet', [('a', encode(0), 0)])
    with pytest.raises(ValueError, match=r'several kinds \(\.parquet, \.tar\)'):
        find_archives(f'{tmp_path}/shards')


def test_imagenet_in_archives(tmp_path):
    """By the names of its folders, of all classes or of some, or by numbers."""
    wnids = [f'n{number:08d}' for number in range(1000)]
    write_tar(tmp_path / 'names/train-0.tar', [(f'{w}/{w}_1.JPEG', b'') for w in wnids])
    whole = ImageNet(data_root=str(tmp_path / 'names'), split='train')
    assert [whole.get_data_info(i)['gt_label'] for i in (0, 999)] == [0, 999]
    (tmp_path / 'two.txt').write_text(f'{wnids[7]}\n{wnids[3]}\n')
    some = dict(split='train', class_list=str(tmp_path / 'two.txt'))
    part = ImageNet100(data_root=str(tmp_path / 'names'), **some)
    records = [part.get_data_info(index) for index in range(len(part))]
    assert [(record['img_path'][-8], record['gt_label']) for record in records] == [
        ('3', 0), ('7', 1)
    ]  # fmt: skip
    write_tar(tmp_path / 'numbers/val-0.tar', [('1.JPEG', b''), ('1.cls', b'999')])
    numbered = ImageNet(data_root=str(tmp_path / 'numbers'), split='val')
    assert numbered.get_data_info(0)['gt_label'] == 999
    write_tar(tmp_path / 'numbers/train-0.tar', [('1.JPEG', b''), ('1.cls', b'1000')])
    with pytest.raises(ValueError, match=r'train has the label 1000, .* 1000 classes, 0 to 999'):
        ImageNet(data_root=str(tmp_path / 'numbers'), split='train')
    with pytest.raises(ValueError, match=r'ImageNet100 .* names'):
        ImageNet100(data_root=str(tmp_path / 'numbers'), split='val')


def test_tar_files_that_do_not_fit(tmp_path):
    file = tmp_path / 'a.tar'
    members = [('ant/1.png', encode(1)), ('.x/2.png', b''), ('ant/3.txt', b''), ('4.png', b'')]
    write_tar(file, members)
    data = ImageFolder(data_root=str(file))
    assert values(data) == [(1, 'ant')]
    whole = file.read_bytes()
    (tmp_path / 'cut.tar').write_bytes(whole[:600])
    with pytest.raises(ValueError, match=r'cut\.tar cannot be read as a tar file'):
        ImageFolder(data_root=str(tmp_path / 'cut.tar'))
    write_tar(tmp_path / 'b.tar', [('1.png', b'x'), ('1.cls', b'0'), ('2.png', b'x')])
    with pytest.raises(ValueError, match=r'2\.png in .*b\.tar has no \.cls file'):
        ImageFolder(data_root=str(tmp_path / 'b.tar'))
    write_tar(tmp_path / 'c.tar', [('1.png', b'x'), ('1.cls', b'cat')])
    with pytest.raises(ValueError, match=r"1\.cls in .*c\.tar has b'cat'"):
        ImageFolder(data_root=str(tmp_path / 'c.tar'))
    (tmp_path / 'list.txt').write_text('ant/1.png 0')
    with pytest.raises(ValueError, match=r'list\.txt.* lists image files, .* in archives'):
        ImageFolder(data_root=str(file), ann_file=str(tmp_path / 'list.txt'))
    path = data.get_data_info(0)['img_path']
    os.truncate(file, 520)
    with pytest.raises(OSError, match=r'a\.tar ends within ant/1\.png'):
        get(path)


def test_the_list_of_shards_is_kept_until_one_changes(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(listing_cache, 'LARGE', 5)
    shards = pack_folder(photos, tmp_path / 'shards/train', images=5)
    for shard in shards:
        os.utime(shard, (1e9, 1e9))

    def paths():
        data = ImageFolder(data_root=str(tmp_path / 'shards'), data_prefix='train')
        return [data.get_data_info(index)['img_path'] for index in range(len(data))]

    first = paths()
    with monkeypatch.context() as context:
        context.setattr(f'{find_archives.__module__}.list_tar', None)
        assert paths() == first
    os.utime(shards[0])
    with monkeypatch.context() as context:
        context.setattr(f'{find_archives.__module__}.list_tar', None)
        with pytest.raises(TypeError):
            paths()
    assert paths() == first


@pytest.mark.parametrize('damage', ['7#', '-1#', 'x#', '', '0'])
def test_a_kept_list_that_names_no_place_in_a_shard_is_made_again(
    photos, tmp_path, monkeypatch, damage
):
    monkeypatch.setattr(listing_cache, 'LARGE', 5)
    for shard in pack_folder(photos, tmp_path / 'shards/train', images=5):
        os.utime(shard, (1e9, 1e9))

    def paths():
        data = ImageFolder(data_root=str(tmp_path / 'shards'), data_prefix='train')
        return [data.get_data_info(index)['img_path'] for index in range(len(data))]

    first = paths()
    kept = tmp_path / 'shards/.train.listing.json'
    content = json.loads(kept.read_text())
    whole = content['images'][3]
    content['images'][3] = damage + whole.partition('#')[2]
    kept.write_text(json.dumps(content))
    assert paths() == first
    assert json.loads(kept.read_text())['images'][3] == whole


def test_short_sides_names_and_broken_files(tmp_path):
    folder = tmp_path / 'photos'
    for name, content in {
        'a/1.x.png': encode(90, 40),
        'a/1.x.jpg': encode(90, 20, 'JPEG'),
        'a/cut.jpg': encode(90, 40, 'JPEG')[:300],
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    Image.fromarray(np.full((40, 40), 1000, np.uint16)).save(folder / 'a/deep.png')
    (shard,) = pack_folder(folder, tmp_path / 'out', short_side=20)
    with tarfile.open(shard) as archive:
        packed = {m.name: archive.extractfile(m).read() for m in archive}
    assert set(packed) == {'a/1_x_png.jpg', 'a/1_x_jpg.jpg', 'a/deep.png'}
    assert packed['a/1_x_jpg.jpg'] == (folder / 'a/1.x.jpg').read_bytes()
    assert packed['a/deep.png'] == (folder / 'a/deep.png').read_bytes()
    assert Image.open(io.BytesIO(packed['a/1_x_png.jpg'])).size == (20, 22)


class _Shards:
    """Images of which ten in a row are in a shard."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def get_data_info(self, index):
        return {'img_path': f'tar://{index // 10}.tar#0+1/{index}.jpg'}


@pytest.mark.parametrize('processes', [1, 2, 3])
def test_the_sampler_divides_shards_and_has_each_image_once(monkeypatch, processes):
    orders = []
    for rank in range(processes):
        monkeypatch.setattr(sampler, 'get_dist_info', lambda rank=rank: (rank, processes))
        orders.append(ShardSampler(_Shards(96), mixed=2, seed=3))
    first = [list(order) for order in orders]
    assert all(len(part) == len(order) for part, order in zip(first, orders, strict=True))
    assert {index for part in first for index in part} == set(range(96))
    assert sum(map(len, first)) - 96 < processes
    for part in first:
        for place in range(0, len(part), 18):  # two shards of 9 images on average
            assert len({index // 10 for index in part[place : place + 18]}) <= 4
    shards = [{index // 10 for index in part} for part in first]
    assert sum(map(len, shards)) <= 10 + processes  # only at the edges in two processes
    assert list(orders[0]) == first[0]
    orders[0].set_epoch(1)
    assert list(orders[0]) != first[0]


def test_the_sampler_says_what_it_needs(photos, monkeypatch):
    with pytest.raises(ValueError, match=r"is in none: use sampler=dict\(type='DefaultSampler'\)"):
        ShardSampler(ImageFolder(data_root=str(photos)))
    monkeypatch.setattr(sampler, 'get_dist_info', lambda: (0, 4))
    with pytest.raises(ValueError, match='3 archives cannot be divided among 4 processes'):
        ShardSampler(_Shards(30), seed=0)
    with pytest.raises(ValueError, match='mixed=0'):
        ShardSampler(_Shards(30), mixed=0)
