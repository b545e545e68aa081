"""The pictures: what stands in them, and what happens when something does not fit."""

import json
import shutil

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba
from mmengine.config import Config
from mmpretrain.registry import DATASETS, MODELS
from PIL import Image

from conftest import ROOT
from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.cli import logs
from mcl_plugins.cli.visualize import (
    attention,
    curves,
    masks,
    neighbours,
    patterns,
    pictures,
    reconstruction,
    tsne,
)
from mcl_plugins.mask_generators import PatchMask
from mcl_plugins.targets.frozen_teacher import FrozenTeacher

QUICKSTART = ROOT / 'configs/quickstart'


def checkpoint_of(method, path, epoch=1):
    """What the first epoch of a method's quickstart might have written."""
    config = Config.fromfile(QUICKSTART / f'{method}.py')
    torch.manual_seed(epoch)
    model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    model.init_weights()
    save_file({'meta': {'epoch': epoch}, 'state_dict': model.state_dict()}, path)
    return path


@pytest.fixture(scope='module')
def ccmim(tmp_path_factory):
    return checkpoint_of('ccmim', tmp_path_factory.mktemp('ccmim') / 'epoch_1.pth')


@pytest.fixture
def data(images):
    shutil.copytree(images / 'train', images / 'val')
    return images


def draw(tool, monkeypatch, *arguments):
    """Run a command in this process and return the figure that it would have written."""
    figures = []
    monkeypatch.setattr(tool, 'save', lambda figure, path: figures.append((figure, path)))
    tool.main([str(word) for word in arguments])
    return figures[0]


def drawn(axes):
    return np.asarray(axes.images[0].get_array())


def classifier_arguments(data):
    options = [
        f'{split}_dataloader.{option}'
        for split in ('train', 'val')
        for option in (f'dataset.data_root={data}', 'num_workers=0', 'persistent_workers=False')
    ]
    return ['--work-dir', data / 'work', '--cfg-options', *options,
            'train_dataloader.dataset.ann_file=']  # fmt: skip


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close('all')


# Reconstruction


@pytest.mark.parametrize('norm_pix', [True, False])
def test_perfect_pixels_give_the_image_back(norm_pix):
    """The head's own target, brought back, is the image; visible or not."""
    head = MODELS.build(
        dict(
            type='MAEPretrainHead', norm_pix=norm_pix, patch_size=8,
            loss=dict(type='PixelReconstructionLoss', criterion='L2'),
        )
    )  # fmt: skip
    view = torch.randn(2, 3, 32, 32)
    back = reconstruction.to_image(head, head.construct_target(view), view)
    torch.testing.assert_close(back, view, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(('method', 'share'), [('cmae', 11 / 16), ('ccmim', 12 / 16)])
def test_reconstruction_has_the_decoders_output_where_the_encoder_saw_nothing(
    method, share, tmp_path, data, monkeypatch
):
    checkpoint = checkpoint_of(method, tmp_path / 'epoch_1.pth')
    figure, path = draw(
        reconstruction, monkeypatch, QUICKSTART / f'{method}.py', checkpoint,
        '--images', data / 'val', '--count', 3,
    )  # fmt: skip
    assert path == tmp_path / 'epoch_1.pth.reconstruction.png'
    lines = np.array(figure.axes).reshape(3, 3)
    for column in lines.T:
        seen, visible, output = map(drawn, column)
        hidden = (visible == pictures.GRAY).all(axis=2)
        assert hidden.mean() == share
        np.testing.assert_array_equal(visible[~hidden], seen[~hidden])
        np.testing.assert_allclose(output[~hidden], seen[~hidden], atol=1e-6)
        assert np.abs(output - seen)[hidden].mean() > 0.01
    assert f'(gray = hidden), {named(checkpoint)}, epoch 1' in figure.get_suptitle()


def test_reconstruct_is_what_training_compares(tmp_path, data, monkeypatch):
    """With the same mask, the head's loss of the drawn pixels is the training's."""
    for method in ('cmae', 'ccmim'):
        config = Config.fromfile(QUICKSTART / f'{method}.py')
        model, _ = pictures.build_pretraining(
            config, checkpoint_of(method, tmp_path / f'{method}.pth')
        )
        view = torch.randn(4, 3, 32, 32)
        torch.manual_seed(3)
        pixels, mask = model.reconstruct(view)
        torch.manual_seed(3)
        model.train()
        expected = model.loss([view, view] if method == 'cmae' else [view])['loss_pixel']
        torch.testing.assert_close(model.pixel_head.loss(pixels, view, mask.mask), expected)


# Masks


def test_masks_come_in_the_order_of_training_with_their_importances(
    ccmim, tmp_path, data, monkeypatch
):
    later = checkpoint_of('ccmim', tmp_path / 'a_later_one.pth', epoch=12)
    figure, path = draw(
        masks, monkeypatch, QUICKSTART / 'ccmim.py', later, ccmim,
        '--images', data / 'val', '--count', 2,
    )  # fmt: skip
    lines = np.array(figure.axes).reshape(4, 3)
    assert [place.get_title() for place in lines[0]] == ["network's input", 'epoch 1', 'epoch 12']
    assert figure.get_suptitle() == (
        f'CcMIM: masks (gray = hidden), the course of pre-training to {named(later)}, epoch 12'
    )
    assert not lines[1, 0].images and drawn(lines[1, 1]).shape == (32, 32)
    model, _ = pictures.build_pretraining(Config.fromfile(QUICKSTART / 'ccmim.py'), str(ccmim))
    images = pictures.read_images([data / 'val'], 2, 32)
    view = pictures.student_view(model, images)
    patches = drawn(lines[1, 1])[::8, ::8].flatten()
    expected = model.backbone.class_attention(model.backbone.embed(view))[0]
    np.testing.assert_allclose(patches, expected, rtol=1e-5)
    assert path == tmp_path / 'a_later_one.pth.masks.png'


def test_the_untrained_network_comes_first(ccmim, data, monkeypatch):
    figure, path = draw(
        masks, monkeypatch, QUICKSTART / 'ccmim.py', ccmim,
        '--images', data / 'val', '--count', 1, '--untrained', '--seed', 3,
    )  # fmt: skip
    (titles, importances) = np.array(figure.axes).reshape(2, 3)
    assert [place.get_title() for place in titles] == ["network's input", 'untrained', 'epoch 1']
    torch.manual_seed(3)
    model, _ = pictures.build_pretraining(Config.fromfile(QUICKSTART / 'ccmim.py'), None)
    view = pictures.student_view(model, pictures.read_images([data / 'val'], 1, 32))
    expected = model.compute_importance(view)[0]
    np.testing.assert_allclose(drawn(importances[1])[::8, ::8].flatten(), expected, rtol=1e-5)
    assert not np.allclose(drawn(importances[2])[::8, ::8].flatten(), expected, rtol=1e-2)
    assert path == ccmim.with_name(f'{ccmim.name}.masks.png')


@pytest.mark.parametrize('method', ['conmim', 'mimco'])
def test_masks_without_importance_have_one_line_an_image(method, tmp_path, data, monkeypatch):
    """In a Swin, too, whose masks are on the grid of its last stage."""
    monkeypatch.setattr(FrozenTeacher, 'init_weights', lambda self: None)
    checkpoint = checkpoint_of(method, tmp_path / 'epoch_1.pth')
    config = QUICKSTART / f'{method}.py'
    figure, _ = draw(masks, monkeypatch, config, checkpoint, '--images', data, '--count', 2)
    assert len(figure.axes) == 4


def test_masked_patches_are_the_gray_ones():
    mask = PatchMask.from_mask(torch.eye(4, dtype=torch.bool))
    gray = pictures.paint_masked(torch.ones(4, 3, 6, 6), mask)[:, 0] == pictures.GRAY
    assert gray[0, :3, :3].all() and gray[3, 3:, 3:].all() and gray.float().mean() == 0.25


def test_what_is_not_a_masked_autoencoder_is_named(tmp_path, data, monkeypatch):
    moco = checkpoint_of('masked_moco', tmp_path / 'epoch_1.pth')
    arguments = (QUICKSTART / 'masked_moco.py', moco, '--images', data / 'val')
    with pytest.raises(ValueError, match='MaskedMoCo reconstructs no pixels'):
        draw(reconstruction, monkeypatch, *arguments)
    moby = checkpoint_of('mimco_teacher', tmp_path / 'teacher.pth')
    with pytest.raises(ValueError, match='MoBY of this config masks no patches'):
        draw(masks, monkeypatch, QUICKSTART / 'mimco_teacher.py', moby, *arguments[2:])
    with pytest.raises(ValueError, match=r'does not fit CMAE .* another one'):
        draw(reconstruction, monkeypatch, QUICKSTART / 'cmae.py', *arguments[1:])


def test_a_method_without_masks_is_named(tmp_path, data, monkeypatch):
    checkpoint = checkpoint_of('conmim', tmp_path / 'epoch_1.pth')
    with pytest.raises(ValueError, match='ConMIM of this config masks no patches'):
        draw(
            masks, monkeypatch, QUICKSTART / 'conmim.py', checkpoint, '--images', data,
            '--cfg-options', 'model.mask_generator=None',
        )  # fmt: skip


def named(checkpoint):
    """How pictures name a checkpoint."""
    return f'{checkpoint.parent.name}/{checkpoint.name}'


@pytest.mark.parametrize('tool', [masks, reconstruction])
def test_a_classifier_is_told_where_its_pictures_are(tool, data, tmp_path, monkeypatch):
    checkpoint = tmp_path / 'epoch_1.pth'
    save_file({'state_dict': {}}, checkpoint)
    config = QUICKSTART / 'ccmim_finetune.py'
    with pytest.raises(ValueError, match='ImageClassifier of this config .* mcl attention, tsne'):
        draw(tool, monkeypatch, config, checkpoint, '--images', data / 'val')


# Images


def test_files_are_picked_evenly_and_absent_ones_named(data, tmp_path):
    files = sorted(data.glob('val/*/*.jpg'))
    assert pictures.pick_files([data / 'val'], 4) == [files[0], files[5], files[10], files[15]]
    assert pictures.pick_files([files[3]], 9) == [files[3]]
    with pytest.raises(FileNotFoundError, match="none' does not exist"):
        pictures.pick_files([tmp_path / 'none'], 2)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match=r'no \.jpg.* in .*empty'):
        pictures.pick_files([tmp_path / 'empty'], 2)
    with pytest.raises(ValueError, match='--count=0'):
        pictures.pick_files([data], 0)


def test_a_broken_image_is_named(tmp_path):
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'broken\.jpg cannot be read as an image'):
        pictures.read_images([tmp_path], 1, 32)


def test_colours_survive_the_way_through_the_preprocessor(ccmim, tmp_path):
    """Red stays red, whatever order of channels the method is trained with."""
    Image.new('RGB', (60, 50), (200, 30, 10)).save(tmp_path / 'red.png')
    images = pictures.read_images([tmp_path], 1, 32)
    assert images[0, :, 5, 5].tolist() == [200, 30, 10]
    model, _ = pictures.build_pretraining(
        Config.fromfile(QUICKSTART / 'cmae.py'), checkpoint_of('cmae', tmp_path / 'cmae.pth')
    )
    shown = pictures.to_rgb(model, pictures.student_view(model, images))
    torch.testing.assert_close(shown * 255, images.float(), atol=0.01, rtol=0)


# Attention


def test_attention_beside_each_image(ccmim, data, monkeypatch):
    figure, path = draw(
        attention, monkeypatch, QUICKSTART / 'ccmim_finetune.py', ccmim, '--size', 64,
        '--images', data / 'val', '--count', 2, '--heads', *classifier_arguments(data),
    )  # fmt: skip
    lines = np.array(figure.axes).reshape(2, 5)
    titles = ['input', 'all heads', 'head 1', 'head 2', 'head 3']
    assert [place.get_title() for place in lines[0]] == titles
    for line in lines:
        maps = [drawn(place) for place in line[1:]]
        assert maps[0].shape == (64, 64) and len(np.unique(maps[0])) == 64  # 8 x 8 patches
        np.testing.assert_allclose(maps[0], np.mean(maps[1:], axis=0), rtol=1e-5)
    assert path.name == 'epoch_1.pth.attention.png'
    assert f'{named(ccmim)}, epoch 1' in figure.get_suptitle()


def test_attention_sees_the_colours_that_the_config_sees():
    """The quickstart's ccMIM is trained on gray images."""
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    gray = Config.fromfile(QUICKSTART / 'ccmim_finetune.py')
    seen = attention.apply_colours(gray, images)
    assert (seen == seen[:, :1]).all() and seen.shape == images.shape
    coloured = Config.fromfile(ROOT / 'configs/conmim/transfer/in1k-finetune_vit-b.py')
    assert torch.equal(attention.apply_colours(coloured, images), images)


def test_attention_alone_stands_in_two_columns_of_pairs():
    images, maps = torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.rand(3, 2, 2, 2)
    figure = attention.draw(images, maps, heads=False, title='')
    titles = [place.get_title() for place in figure.axes]
    assert titles == ['input', 'all heads'] * 2 + [''] * 4
    assert [bool(place.images) for place in figure.axes] == [True] * 6 + [False] * 2


@pytest.mark.parametrize('method', ['ccmim', 'conmim', 'masked_byol'])
def test_the_students_attention_is_that_of_the_encoder_alone(method, data, tmp_path):
    checkpoint = checkpoint_of(method, tmp_path / 'epoch_1.pth')
    figure = attention.draw_student_attention(
        QUICKSTART / f'{method}.py', checkpoint, [data / 'val'], count=2
    )
    model, _ = pictures.build_pretraining(Config.fromfile(QUICKSTART / f'{method}.py'), checkpoint)
    images = pictures.read_images([data / 'val'], 2, 32)
    torch.manual_seed(0)
    maps = attention.class_attention_maps(model.backbone, pictures.student_view(model, images))
    if method != 'masked_byol':  # whose view is drawn at random
        expected = maps[0].mean(dim=0).repeat_interleave(8, 0).repeat_interleave(8, 1)
        np.testing.assert_allclose(drawn(figure.axes[1]), expected, rtol=1e-5)
    assert maps.shape[2:] == (4, 4) and f'{named(checkpoint)}, epoch 1' in figure.get_suptitle()


# Neighbours


@pytest.mark.parametrize('method', ['cmae', 'mimco'])
def test_neighbours_are_the_nearest_images_and_the_query_is_marked(
    method, data, tmp_path, monkeypatch
):
    monkeypatch.setattr(FrozenTeacher, 'init_weights', lambda self: None)
    checkpoint = checkpoint_of(method, tmp_path / 'epoch_1.pth')
    config = QUICKSTART / f'{method}.py'
    files = sorted(data.glob('val/*/*.jpg'))[:8]
    figure = neighbours.draw_neighbours(config, checkpoint, files, queries=2, neighbours=3)
    lines = np.array(figure.axes).reshape(2, 4)
    assert [place.get_title() for place in lines[:, 0]] == ['query', 'query']
    assert [len(place.patches) for place in lines.flat] == [1, 0, 0, 0] * 2
    assert f'nearest of 8 images, {named(checkpoint)}, epoch 1' in figure.get_suptitle()

    model, _ = pictures.build_pretraining(Config.fromfile(config), checkpoint)
    images, features = neighbours.encode(model, pictures.read_images(files, 8, 32))
    for line, query in zip(lines, (0, 7), strict=True):
        cosines = {
            other: torch.cosine_similarity(features[query], features[other], dim=0).item()
            for other in range(8)
            if other != query
        }
        best = sorted(cosines, key=cosines.get, reverse=True)[:3]
        assert [place.get_title() for place in line[1:]] == [f'{cosines[i]:.2f}' for i in best]
        for place, index in zip(line, (query, *best), strict=True):
            np.testing.assert_allclose(drawn(place), images[index].permute(1, 2, 0))
    with pytest.raises(ValueError, match='3 images are too few for 3 neighbours'):
        neighbours.draw_neighbours(config, checkpoint, files[:3], neighbours=3)


# t-SNE


def test_tsne_has_a_panel_a_checkpoint(ccmim, data, monkeypatch):
    figure, path = draw(
        tsne, monkeypatch, QUICKSTART / 'ccmim_finetune.py', ccmim, ccmim, '--classes', 2,
        '--per-class', 6, '--perplexity', 3, *classifier_arguments(data),
    )  # fmt: skip
    assert len(figure.axes) == 2 and '12 images of 2 classes' in figure.get_suptitle()
    points = [np.concatenate([c.get_offsets() for c in a.collections]) for a in figure.axes]
    np.testing.assert_array_equal(*points)  # the same checkpoint and seed
    assert points[0].shape == (12, 2) and path.name == 'epoch_1.pth.tsne.png'
    assert figure.axes[0].get_title().startswith(f'{named(ccmim)}, epoch 1\nsilhouette')


def test_tsne_refuses_classes_that_are_not_those_of_the_training_images(ccmim, data, monkeypatch):
    shutil.copytree(data / 'val/1', data / 'val/2')
    words = [tsne, monkeypatch, QUICKSTART / 'ccmim_finetune.py', ccmim, '--classes', 2]
    words += ['--per-class', 6, '--perplexity', 3, *classifier_arguments(data)]
    with pytest.raises(ValueError, match=r'val_dataloader .* train_dataloader\. .*\(1\): 2\.'):
        draw(*words)
    shutil.rmtree(data / 'train')  # without them there is nothing to compare
    figure, _ = draw(*words)
    assert len(figure.axes) == 1


def test_clusters_stay_apart_in_the_plane():
    generator = torch.Generator().manual_seed(0)
    centres = torch.eye(3).repeat_interleave(20, 0)
    features = centres + 0.05 * torch.randn(60, 3, generator=generator)
    labels = torch.arange(3).repeat_interleave(20)
    panel = tsne.embed(features, labels, 'x', perplexity=5, seed=0)
    assert panel.silhouette > 0.9
    distances = np.linalg.norm(panel.points[:, None] - panel.points, axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (labels.numpy()[distances.argmin(axis=1)] == labels.numpy()).all()
    with pytest.raises(ValueError, match='--perplexity=60 needs more images'):
        tsne.embed(features, labels, 'x', perplexity=60, seed=0)


def test_classes_are_drawn_by_the_seed_and_must_be_there(data):
    """Also of data sets that are joined."""
    folder = dict(type='mcl_plugins.ImageFolder', data_root=str(data), data_prefix='val')
    single = DATASETS.build(folder)
    joined = DATASETS.build(dict(type='ConcatDataset', datasets=[folder, folder]))
    for dataset, images in ((single, 5), (joined, 15)):
        names, kept = tsne.choose(dataset, 2, per_class=images, seed=0)
        labels = [dataset.get_data_info(index)['gt_label'] for index in kept.indices]
        assert kept.dataset is dataset
        assert {label: labels.count(label) for label in names} == dict.fromkeys(names, images)
        assert all(single.metainfo['classes'][label] == name for label, name in names.items())
    with pytest.raises(ValueError, match='--classes=4 must be from 2 to 2'):
        tsne.choose(joined, 4, per_class=3, seed=0)


# Pattern layouts


class Coded:
    """Images whose patches are of one brightness each, and an encoder that reads it off."""

    grid = (6, 6)

    def __init__(self, images):
        generator = torch.Generator().manual_seed(0)
        self.codes = torch.randint(60, 255, (images, 6, 6), generator=generator)
        self.dataset = [
            {'inputs': code.repeat_interleave(4, 0).repeat_interleave(4, 1).expand(3, -1, -1)}
            for code in self.codes
        ]
        self.loader = [{'inputs': torch.stack([entry['inputs'] for entry in self.dataset])}]

    def features(self, batch):
        angle = batch['inputs'][:, 0, ::4, ::4] / 255
        return torch.stack((angle.cos(), angle.sin()), dim=1)

    def image_features(self, image):
        return self.features({'inputs': self.dataset[image]['inputs'][None]})[0]


def test_the_nearest_patch_of_every_image_is_found():
    encoder = Coded(50)
    query = patterns.Place(7, 2, 3)
    nearest = patterns.search(encoder, [query])
    wanted = encoder.codes[7, 2, 3]
    distances = (encoder.codes - wanted).abs().flatten(1)
    others = torch.arange(50) != 7
    found = distances.gather(1, nearest.patch[0][:, None])[:, 0]
    assert (found == distances.amin(dim=1)).all()
    places = patterns.bright_places(
        encoder.dataset, nearest.similarity[0], nearest.patch[0], encoder.grid
    )
    assert places[0] == query and len(places) == 36
    assert len({place.image for place in places}) == 36  # one of an image
    best = distances.amin(dim=1)[others].sort().values[:35]
    shown = [(encoder.codes[p.image, p.row, p.column] - wanted).abs() for p in places[1:]]
    assert sorted(map(int, shown)) == best.tolist()


def test_dark_surroundings_are_left_out_and_the_query_never():
    encoder = Coded(40)
    for entry in encoder.dataset[20:]:
        entry['inputs'] = entry['inputs'] // 8
    similarity = torch.arange(40.0)  # the dark ones first
    places = patterns.bright_places(
        encoder.dataset, similarity, torch.zeros(40, dtype=torch.long), encoder.grid
    )
    assert [place.image for place in places] == [39, *range(19, -1, -1)]


def test_surroundings_stay_inside_and_the_light_is_on_the_patch():
    encoder = Coded(1)
    for row, column in ((0, 0), (5, 5), (2, 3)):
        place = patterns.Place(0, row, column)
        crop = patterns.surroundings(encoder.dataset, place, (6, 6))
        assert crop.shape == (20, 20, 3)
        _, axes = plt.subplots()
        patterns.light_up(axes, place, (6, 6), crop.shape)
        left, top = (round(value + 0.5) for value in axes.patches[0].get_xy())
        lit = crop[top : top + 4, left : left + 4, 0] * 255
        assert (lit.round() == encoder.codes[0, row, column].item()).all()


@pytest.mark.parametrize('method', ['ccmim', 'mimco'])
def test_a_square_of_patches_for_each_query(method, ccmim, data, tmp_path, monkeypatch):
    """A transformer gives a feature to each patch, Swin to each position of its last map."""
    checkpoint = ccmim
    if method == 'mimco':
        monkeypatch.setattr(FrozenTeacher, 'init_weights', lambda self: None)
        checkpoint = checkpoint_of(method, tmp_path / 'epoch_1.pth')
    figure, path = draw(
        patterns, monkeypatch, QUICKSTART / f'{method}_finetune.py', checkpoint,
        '--at', 3, 1, 2, '--at', 0, 0, 0, *classifier_arguments(data),
    )  # fmt: skip
    assert len(figure.subfigs) == 2 and path.name == 'epoch_1.pth.patterns.png'
    axes = figure.subfigs[0].axes
    assert len(axes) == 36 and sum(bool(place.images) for place in axes) == 16  # all images
    assert 'image 3, patch (1, 2)' in figure.subfigs[0].get_suptitle()
    assert 'blue: the query' in figure.get_suptitle() and named(checkpoint) in figure.get_suptitle()
    query, *found = [place for place in axes if place.images]
    assert query.get_title() == 'query'
    cosines = [float(place.get_title()) for place in found]
    assert cosines == sorted(cosines, reverse=True) and -1 <= cosines[-1] <= cosines[0] <= 1
    colours = [place.patches[0].get_edgecolor() for place in (query, *found)]
    assert colours[0] == to_rgba(patterns.BLUE) and set(colours[1:]) == {to_rgba(patterns.ORANGE)}


def test_patches_of_a_fine_tuned_network_without_a_last_norm(ccmim, data, tmp_path, monkeypatch):
    weights = load_file(ccmim)['state_dict']
    fine_tuned = {k: v for k, v in weights.items() if not k.startswith('backbone.ln1')}
    save_file({'meta': {}, 'state_dict': fine_tuned}, tmp_path / 'fine-tuned.pth')
    figure, _ = draw(
        patterns, monkeypatch, QUICKSTART / 'ccmim_finetune.py', tmp_path / 'fine-tuned.pth',
        '--queries', 1, *classifier_arguments(data),
    )  # fmt: skip
    assert len(figure.subfigs) == 1
    with pytest.raises(ValueError, match='--queries=0 must be at least 1'):
        draw(patterns, monkeypatch, QUICKSTART / 'ccmim_finetune.py', ccmim, '--queries', 0)


@pytest.mark.parametrize('place', [(6, 0, 0), (0, 4, 0), (5, 0, 4), (-1, 0, 0), (5, 0, -1)])
def test_places_must_be_there(place):
    patterns.check_places([patterns.Place(5, 3, 3), patterns.Place(0, 0, 0)], 6, (4, 4))
    asked = ' '.join(map(str, place))
    message = f'^--at {asked}: there are 6 images of 4 x 4 patches, counted from 0\\.$'
    with pytest.raises(ValueError, match=message):
        patterns.check_places([patterns.Place(0, 0, 0), patterns.Place(*place)], 6, (4, 4))


def test_queries_are_of_images_that_are_there_and_bright(ccmim, data, monkeypatch):
    _, *others = sorted((data / 'val').rglob('*.jpg'))
    for file in others:
        Image.new('RGB', (48, 40)).save(file)
    words = QUICKSTART / 'ccmim_finetune.py', ccmim
    with pytest.raises(ValueError, match=r'^--queries=2: only 1 images are bright enough\.$'):
        draw(patterns, monkeypatch, *words, '--queries', 2, *classifier_arguments(data))
    with pytest.raises(ValueError, match=r'^--at 16 0 0: there are 16 images of .* from 0\.$'):
        draw(patterns, monkeypatch, *words, '--at', 16, 0, 0, *classifier_arguments(data))


# Curves


def write_log(work_dir, start, rows):
    folder = work_dir / start / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text('\n'.join(json.dumps(row) for row in rows))


def test_a_resumed_run_is_one_curve_and_a_new_start_replaces_the_old(tmp_path):
    write_log(tmp_path, '1', [{'step': s, 'loss': 1.0, 'lr': 1e-3} for s in (10, 20, 30, 40)])
    write_log(tmp_path, '2', [{'step': s, 'loss': 2.0} for s in (30, 40, 50)])
    entry = logs.read_run(tmp_path, 'run')
    assert entry.curves['loss'] == ([10, 20, 30, 40, 50], [1, 1, 2, 2, 2])
    write_log(tmp_path, '3', [{'step': 10, 'loss': 3.0}])
    assert logs.read_run(tmp_path, 'run').curves['loss'] == ([10], [3.0])
    with pytest.raises(FileNotFoundError, match='give the work dir of a training'):
        logs.read_run(tmp_path / 'none', 'run')


def write_epochs(work_dir, start, epochs, accuracy, resume):
    """Write the log of epochs of 100 steps, each with a validation numbered by it."""
    rows = []
    for epoch in epochs:
        for step in (50, 100):
            row = {'loss': 1.0, 'time': 0.5, 'data_time': 0.1, 'epoch': epoch}
            rows.append({**row, 'iter': 100 * epoch - 100 + step, 'step': 100 * epoch - 100 + step})
        rows.append(
            {'accuracy/top1': accuracy + epoch, 'time': 9.0, 'data_time': 8.0, 'step': epoch}
        )
    write_log(work_dir, start, rows)
    (work_dir / start / 'vis_data/config.py').write_text(f'resume = {resume}\n')


def test_validations_numbered_by_epochs_have_their_place_in_the_training(tmp_path):
    write_epochs(tmp_path, '1', range(1, 6), 10, resume=False)
    curves = logs.read_run(tmp_path, 'run').curves
    assert curves['accuracy/top1'] == ([1, 2, 3, 4, 5], [11, 12, 13, 14, 15])
    assert set(curves['time'][1]) == {0.5} and set(curves['data_time'][1]) == {0.1}
    # Resumed after epoch 3: epochs 4 and 5 are done anew.
    write_epochs(tmp_path, '2', range(4, 5), 70, resume=True)
    curves = logs.read_run(tmp_path, 'run').curves
    assert curves['accuracy/top1'] == ([1, 2, 3, 4], [11, 12, 13, 74])
    assert curves['loss'][0] == curves['time'][0] == list(range(50, 401, 50))


@pytest.mark.parametrize('steps', [(50,), (50, 100)])
def test_a_run_that_was_begun_anew_has_nothing_of_the_earlier_one(tmp_path, steps):
    write_epochs(tmp_path, '1', range(1, 6), 10, resume=False)
    write_log(tmp_path, '2', [{'loss': 3.0, 'iter': step, 'step': step} for step in steps])
    (tmp_path / '2/vis_data/config.py').write_text('resume = False\n')
    assert logs.read_run(tmp_path, 'run').curves.keys() == {'loss', 'iter', 'step'}


def test_a_resumed_run_that_died_before_its_validation_has_none_of_the_lost_epochs(tmp_path):
    write_epochs(tmp_path, '1', range(1, 6), 10, resume=False)
    write_log(tmp_path, '2', [{'loss': 3.0, 'iter': 350, 'step': 350}])
    (tmp_path / '2/vis_data/config.py').write_text('resume = True\n')
    curves = logs.read_run(tmp_path, 'run').curves
    assert curves['accuracy/top1'][0] == [1, 2, 3] and curves['loss'][0][-1] == 350


@pytest.mark.parametrize('line', ['{"loss": 1.0}', '[1]', '{"loss": 1.0, "step": "9"}'])
def test_a_line_without_a_step_is_named(tmp_path, line):
    write_log(tmp_path, '1', [{'step': 1, 'loss': 1.0}])
    file = tmp_path / '1/vis_data/scalars.json'
    file.write_text(f'{line}\n{file.read_text()}')
    with pytest.raises(ValueError, match=r'scalars\.json, line 1 is no object with a whole number'):
        logs.read_run(tmp_path, 'run')


def test_half_a_last_line_is_left_out_and_another_one_named(tmp_path):
    write_log(tmp_path, '1', [{'step': 1, 'loss': 1.0}])
    file = tmp_path / '1/vis_data/scalars.json'
    file.write_text(file.read_text() + '\n{"step": 2, "lo')
    assert logs.read_run(tmp_path, 'run').curves['loss'] == ([1], [1.0])
    file.write_text(file.read_text() + '\n{"step": 3, "loss": 1.0}')
    with pytest.raises(ValueError, match=r'scalars\.json, line 2 is not JSON'):
        logs.read_run(tmp_path, 'run')


def test_each_quantity_has_a_panel_and_each_loss_its_floor(tmp_path, monkeypatch):
    row = {'loss': 3.0, 'loss_pixel': 1.0, 'loss_contrast': 2.0, 'chance': 4.0, 'top1': 0.5,
           'kappa_projection': 9.0, 'lr': 1e-3}  # fmt: skip
    write_log(tmp_path / 'a', '1', [{**row, 'step': s} for s in (1, 2, 3)])
    two = {'loss': 3.0, 'loss_patch': 1.0, 'loss_image': 2.0, 'chance_patch': 5.0,
           'chance_image': 6.0, 'accuracy/top1': 70.0}  # fmt: skip
    write_log(tmp_path / 'b', '1', [{**two, 'step': s} for s in (1, 2, 3)])
    figure, path = draw(
        curves, monkeypatch, tmp_path / 'a', tmp_path / 'b', '--out', tmp_path / 'c.png',
        '--names', 'one', 'two',
    )  # fmt: skip
    floors = {}
    for axes in figure.axes:
        if axes.lines:
            dashed = [line for line in axes.lines if line.get_linestyle() == '--']
            floors[axes.get_title().split(':')[0]] = [line.get_ydata()[0] for line in dashed]
    assert floors == {
        'loss': [], 'loss_contrast': [4.0], 'loss_image': [6.0], 'loss_patch': [5.0],
        'loss_pixel': [], 'top1': [], 'kappa_projection': [], 'accuracy/top1': [],
    }  # fmt: skip
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == ['one', 'two', 'chance']
    assert path == tmp_path / 'c.png'


def test_curves_need_something_to_draw_and_a_name_for_each_run(tmp_path, monkeypatch):
    write_log(tmp_path, '1', [{'step': 1, 'lr': 0.1}])
    with pytest.raises(ValueError, match='none of loss'):
        draw(curves, monkeypatch, tmp_path, '--out', 'x.png')
    with pytest.raises(ValueError, match='--names has 2 names for 1 runs'):
        draw(curves, monkeypatch, tmp_path, '--out', 'x.png', '--names', 'a', 'b')


def test_a_narrow_picture_is_widened_for_its_title():
    figure, _ = plt.subplots(figsize=(1, 1))
    pictures.with_title(figure, 'A title that is longer than an inch')
    assert figure._suptitle.get_window_extent().width < figure.get_figwidth() * figure.dpi
    figure, _ = plt.subplots(figsize=(9, 1))
    pictures.with_title(figure, 'short')
    assert figure.get_figwidth() == 9


def test_pictures_are_written(tmp_path, capsys):
    figure, _ = plt.subplots()
    pictures.save(figure, tmp_path / 'new/folder/picture.png')
    with Image.open(tmp_path / 'new/folder/picture.png') as image:
        assert image.width > 100
    assert 'picture.png' in capsys.readouterr().out
