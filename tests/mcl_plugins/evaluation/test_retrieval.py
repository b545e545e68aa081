"""Retrieval scores against an independent computation and closed forms; safe ground truths."""

import math
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from mcl_plugins.evaluation.retrieval import Query, average_precision, rank, score
from mcl_plugins.evaluation.revisited import Revisited, load_image, multi_scale_feature

BOX = (0.0, 0.0, 4.0, 4.0)


def plain_map(ranking, found, ignored):
    """Precision after every place of the list without junk, then trapezoids over the recall."""
    clean = [row for row in ranking if row not in ignored]
    hits, area, previous_recall, previous_precision = 0, 0.0, 0.0, 1.0
    for seen, row in enumerate(clean, start=1):
        hits += row in found
        recall, precision = hits / len(found), hits / seen
        area += (recall - previous_recall) * (previous_precision + precision) / 2
        previous_recall, previous_precision = recall, precision
    return area


def made(seed, rows=40, queries=6):
    rng = np.random.default_rng(seed)
    rankings = np.stack([rng.permutation(rows) for _ in range(queries)])
    lists = []
    for _ in range(queries):
        easy, hard, junk = np.split(rng.permutation(rows)[:18], [5, 12])
        lists.append(Query(easy.tolist(), hard.tolist(), junk.tolist(), BOX))
    return rankings, lists


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('setup', ['easy', 'medium', 'hard'])
def test_map_is_that_of_plain_trapezoids(seed, setup):
    rankings, queries = made(seed)
    wanted = []
    for ranking, query in zip(rankings.tolist(), queries, strict=True):
        found, ignored = {
            'easy': (query.easy, [*query.junk, *query.hard]),
            'medium': ([*query.easy, *query.hard], query.junk),
            'hard': (query.hard, [*query.junk, *query.easy]),
        }[setup]
        wanted.append(plain_map(ranking, found, ignored))
    assert score(rankings, queries, setup)['mAP'] == pytest.approx(100 * np.mean(wanted))


def test_closed_forms():
    assert average_precision([0, 1, 2], 3) == 1.0
    assert average_precision([1], 1) == pytest.approx((0 + 1 / 2) / 2)
    # One of two found first, the other at place 4 of 4.
    assert average_precision([0, 3], 2) == pytest.approx((1 + (1 / 3 + 2 / 4) / 2) / 2)


def test_precision_at_k_stops_at_the_last_relevant_image():
    """Two to find, at ranks 1 and 4: mP@1 = 1, mP@3 = 1/3, mP@10 = 2/4."""
    query = Query([0, 3], [], [], BOX)
    results = score(np.arange(6)[None], [query], 'easy', ks=(1, 3, 10))
    assert [results[f'mP@{k}'] for k in (1, 3, 10)] == pytest.approx([100, 100 / 3, 50])


def test_junk_is_taken_out_as_if_not_there():
    with_junk = score(np.array([[5, 0, 4, 1]]), [Query([0, 1], [], [4, 5], BOX)], 'medium')
    without = score(np.array([[0, 1]]), [Query([0, 1], [], [], BOX)], 'medium')
    assert with_junk == without and without['mAP'] == 100


def test_queries_with_nothing_to_find_do_not_count():
    rankings, queries = made(0)
    empty = Query([], [], [1], BOX)
    more = score(np.concatenate((rankings, rankings[:1])), [*queries, empty], 'hard')
    assert more == score(rankings, queries, 'hard')
    assert math.isnan(score(rankings[:1], [empty], 'hard')['mAP'])


def test_rankings_are_by_cosine():
    queries, database = (torch.nn.functional.normalize(torch.randn(n, 4), dim=1) for n in (3, 9))
    cosines = np.take_along_axis((queries @ database.T).numpy(), rank(queries, database), axis=1)
    assert (np.diff(cosines, axis=1) <= 0).all()


# Ground truth and images


def write(folder, content):
    (folder / 'jpg').mkdir(parents=True, exist_ok=True)
    for name in ('a', 'b', 'q'):
        Image.new('RGB', (60, 30), (200, 10, 30)).save(folder / f'jpg/{name}.jpg')
    with (folder / f'gnd_{folder.name}.pkl').open('wb') as file:
        pickle.dump(content, file, protocol=2)


def ground_truth(**changes):
    entry = {'easy': np.array([0]), 'hard': np.array([], int), 'junk': [1], 'bbx': [1, 2, 31, 22]}
    return {'imlist': ['a', 'b'], 'qimlist': ['q'], 'gnd': [entry], **changes}


def test_a_ground_truth_is_read(tmp_path):
    folder = tmp_path / 'roxford5k'
    write(folder, ground_truth())
    data = Revisited.read(folder)
    assert (data.database, data.query_names) == (['a', 'b'], ['q'])
    assert data.queries == [Query([0], [], [1], (1.0, 2.0, 31.0, 22.0))]


def test_images_may_have_another_suffix(tmp_path):
    folder = tmp_path / 'rparis6k'
    write(folder, ground_truth())
    Image.open(folder / 'jpg/a.jpg').save(folder / 'jpg/a.webp')
    assert Revisited.read(folder).image_path('a').suffix == '.jpg'  # as published
    (folder / 'jpg/a.jpg').unlink()
    assert Revisited.read(folder).image_path('a') == folder / 'jpg/a.webp'


class Hostile:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f'touch {self.target}',)


def test_a_hostile_file_does_not_run(tmp_path):
    folder = tmp_path / 'roxford5k'
    write(folder, ground_truth(extra=Hostile(tmp_path / 'owned')))
    with pytest.raises(ValueError, match=r'not a ground truth .* contains the type posix.system'):
        Revisited.read(folder)
    assert not (tmp_path / 'owned').exists()


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='named roxford5k or rparis6k'):
        Revisited.read(tmp_path / 'elsewhere')
    folder = tmp_path / 'rparis6k'
    write(folder, ground_truth(imlist=['a', 'c']))
    with pytest.raises(FileNotFoundError, match=r'1 images are missing, the first is .*c\.jpg'):
        Revisited.read(folder)
    write(folder, {'gnd': [{}]})
    with pytest.raises(ValueError, match='not a ground truth'):
        Revisited.read(folder)


def test_boxes_are_cut_out_and_shrunk_like_the_whole(tmp_path):
    """DINO's way for whole images, the benchmark's for boxes."""
    pixels = np.random.default_rng(0).integers(0, 256, (80, 160, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'image.png')
    assert load_image(tmp_path / 'image.png', 40).shape == (3, 20, 40)
    assert load_image(tmp_path / 'image.png', 500).shape == (3, 80, 160)  # never enlarged
    cut = load_image(tmp_path / 'image.png', 160, (10.0, 20.0, 50.0, 30.0))
    assert torch.equal(cut, torch.from_numpy(pixels[20:30, 10:50]).permute(2, 0, 1))
    assert load_image(tmp_path / 'image.png', 80, (10.0, 20.0, 50.0, 30.0)).shape == (3, 5, 20)


def test_features_of_scales_are_averaged():
    image = torch.rand(1, 3, 32, 16)
    sizes = []

    def encode(x):
        sizes.append(tuple(x.shape[2:]))
        return torch.tensor([[float(x.shape[2]), 1.0]])

    feature = multi_scale_feature(encode, image, (1.0, 0.5))
    assert sizes == [(32, 16), (16, 8)]
    torch.testing.assert_close(
        feature, torch.nn.functional.normalize(torch.tensor([24.0, 1.0]), dim=0)
    )
