"""Keys are gathered, never looped over: what a head does depends on no number of anything."""

from collections import Counter

import torch
from mmpretrain.registry import MODELS
from torch.utils._python_dispatch import TorchDispatchMode

from mcl_plugins.heads.negatives import HEADS
from mcl_plugins.targets import FeatureQueue
from processes import run_on_two_processes

WIDTH = 8
PREDICTOR = dict(
    type='mmpretrain.NonLinearNeck',
    in_channels=WIDTH,
    hid_channels=WIDTH,
    out_channels=WIDTH,
    with_avg_pool=False,
    with_last_bn=False,
    norm_cfg=dict(type='mcl_plugins.LayerNorm'),
)
SETTINGS = {
    'InfoNCEHead': [dict(temperature=0.2)],
    'VisibleNegativesHead': [dict(temperature=0.2)],
    'PatchContrastHead': [dict(), dict(negatives='batch', max_negative_similarity=0.5)],
    'MoCoV3Head': [dict(predictor=PREDICTOR, loss=dict(type='mmpretrain.CrossEntropyLoss'))],
}
CASES = [
    (kind.__name__, settings) for kind in HEADS for settings in SETTINGS.get(kind.__name__, [{}])
]
BY_PATCH = ('InstanceContrastHead', 'PatchContrastHead')
# Gathered of all processes: forward, and the gradient of what is gathered.
COLLECTIVES = {
    'CosineHead': ['_allgather_base_'],
    'InfoNCEHead': ['_allgather_base_'],
    'InstanceContrastHead': ['_allgather_base_'],
    'MoCoV3Head': ['_allgather_base_'],
    'VisibleNegativesHead': ['_allgather_base_', '_allgather_base_', '_reduce_scatter_base_'],
    'FeatureQueue': ['_allgather_base_'],
}


class Operations(TorchDispatchMode):
    """The operations that PyTorch dispatches, collectives among them, by name."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def operations(kind, settings, images, patches, length):
    """Of forward and backward, for so many images of so many patches, and keys in a queue."""
    head = MODELS.build(dict(type=f'mcl_plugins.{kind}', **settings))
    shape = (images, patches, WIDTH) if kind in BY_PATCH else (images, WIDTH)
    query, key = torch.randn(shape).requires_grad_(), torch.randn(shape)
    further = (torch.randn(WIDTH, length),) if hasattr(head, 'uses_queue') else ()
    further = (None,) if kind in BY_PATCH else further
    with Operations() as found:
        if kind == 'MoCoV3Head':
            head.loss(query, key).backward()
        else:
            head(query, key, *further)['loss_contrast'].backward()
    return found.counts


def enqueue(images, length):
    queue = FeatureQueue(WIDTH, length)
    with Operations() as found:
        queue.enqueue(torch.randn(images, WIDTH))
    return found.counts


def check_all(*_):
    """Of each head: the same operations whatever the numbers; returns its collectives."""
    found = {}
    for kind, settings in CASES:
        few, many = (operations(kind, settings, *sizes) for sizes in ((2, 3, 5), (7, 11, 13)))
        assert few == many, kind
        found[kind] = few
    few, many = enqueue(2, 20), enqueue(7, 50)
    assert few == many
    return {**found, 'FeatureQueue': few}


def check_together(_):
    for kind, counts in check_all().items():
        shared = [name for name in counts.elements() if name.startswith(('_all', 'all', '_reduce'))]
        assert sorted(shared) == COLLECTIVES.get(kind, []), kind


def test_every_head_is_tried():
    assert {kind for kind, _ in CASES} == {kind.__name__ for kind in HEADS}


def test_numbers_of_images_patches_and_keys_add_no_operation():
    check_all()


def test_processes_share_keys_by_one_collective():
    run_on_two_processes(check_together)
