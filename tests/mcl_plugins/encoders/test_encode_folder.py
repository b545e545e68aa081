"""The features of a folder: one row for each readable image, with its name."""

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from PIL import Image

from conftest import SMALL_SWIN, SMALL_VIT
from mcl_plugins import encode_folder, load_encoder
from mcl_plugins.backbones import VisionTransformer


@pytest.fixture
def encoder():
    model = MODELS.build(SMALL_VIT)
    model.init_weights()
    return load_encoder(model)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, size in (('a/1.png', (40, 48)), ('b.jpg', (32, 60)), ('a/0.png', (33, 32))):
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    (tmp_path / 'photos/notes.txt').write_text('no image')
    return tmp_path / 'photos'


@pytest.mark.parametrize('feature', ['mean', 'class_token', 'patch_tokens'])
def test_rows_are_the_features_of_the_images_one_by_one(encoder, folder, tmp_path, feature):
    out = tmp_path / 'features.npy'
    names, features = encode_folder(encoder, folder, out, feature, batch_size=2, progress=False)
    assert names == ['a/0.png', 'a/1.png', 'b.jpg']
    assert (tmp_path / 'features.txt').read_text().split() == names
    assert np.array_equal(np.load(out), features)
    for name, row in zip(names, features, strict=True):
        wanted = getattr(encoder.encode(folder / name), feature)[0]
        torch.testing.assert_close(torch.from_numpy(row), wanted)


def test_parquet_has_names_and_features(encoder, folder, tmp_path):
    from pyarrow import parquet  # noqa: PLC0415

    out = tmp_path / 'features.parquet'
    names, features = encode_folder(encoder, folder, out, progress=False)
    table = parquet.read_table(out)
    assert table['file'].to_pylist() == names
    assert np.array_equal(np.array(table['feature'].to_pylist(), np.float32), features)


def test_an_unreadable_image_is_left_out_and_named(encoder, folder):
    (folder / 'broken.jpg').write_bytes(b'no image')
    with pytest.warns(UserWarning, match='1 of 4 images.*broken.jpg; they are left out'):
        names, features = encode_folder(encoder, folder, progress=False)
    assert len(names) == len(features) == 3


def test_a_folder_of_unreadable_images_is_an_error(encoder, tmp_path):
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    with pytest.raises(ValueError, match='1 of 1 images .* cannot be read: broken.jpg'):
        encode_folder(encoder, tmp_path, progress=False)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(out='features.csv'), 'must end with .npy or .parquet'),
        (dict(feature='cls'), "feature='cls' is unknown"),
        (dict(batch_size=0), 'batch_size=0 must be at least 1'),
    ],
)
def test_wrong_arguments_stop_before_the_work(encoder, folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        encode_folder(encoder, folder, **arguments)


def test_a_missing_library_stops_before_the_work(encoder, folder, tmp_path, monkeypatch):
    monkeypatch.setattr('mcl_plugins.encoders.folder.find_spec', lambda name: None)
    monkeypatch.setattr('mcl_plugins.encoders.folder.list_images', None)  # would be called next
    message = r'features\.parquet needs another library: pip install pyarrow\. Or write a \.npy\.'
    with pytest.raises(ImportError, match=message):
        encode_folder(encoder, folder, tmp_path / 'features.parquet')


def test_a_class_token_that_is_not_there_stops_before_the_work(folder):
    arch = dict(embed_dims=64, num_layers=1, num_heads=1, feedforward_channels=128)
    for model in (
        MODELS.build(dict(type='mcl_plugins.SwinTransformer', **SMALL_SWIN)),
        VisionTransformer(arch, 64, 16, out_type='raw', with_cls_token=False),
    ):
        with pytest.raises(ValueError, match="feature='mean'"):
            encode_folder(load_encoder(model), folder, feature='class_token')


def test_a_missing_and_an_empty_folder(encoder, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        encode_folder(encoder, tmp_path / 'nowhere')
    with pytest.raises(ValueError, match='has no image'):
        encode_folder(encoder, tmp_path)
