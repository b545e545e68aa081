"""Released names of CMAE and ccMIM and ours, both ways, by the tables and by the tools."""

from argparse import Namespace

import pytest
import torch
from conversion import released

from mcl_plugins.checkpoint.ccmim import CCMIM
from mcl_plugins.checkpoint.cmae import CMAE
from mcl_plugins.checkpoint.files import load_file, save_file
from processes import mcl


@pytest.mark.parametrize(('method', 'key'), [('cmae', 'state_dict'), ('ccmim', 'model')])
def test_a_released_file_is_converted_and_comes_back(tmp_path, method, key):
    original = released(method)
    content = {key: original, 'epoch': 1, 'args': Namespace(blr=1.5e-4), 'meta': {}}
    save_file(content, tmp_path / 'released.pth')
    assert (
        mcl(f'convert {method}', tmp_path / 'released.pth', tmp_path / 'ours.pth').returncode == 0
    )
    ours = load_file(tmp_path / 'ours.pth')['state_dict']
    tops = {name.split('.')[0] for name in ours}
    assert tops == {
        'cmae': {
            'backbone', 'pixel_decoder', 'feature_decoder', 'projector', 'predictor', 'ema'
        },
        'ccmim': {'backbone', 'decoder', 'projector'},
    }[method]  # fmt: skip
    result = mcl(f'convert {method}', tmp_path / 'ours.pth', tmp_path / 'back.pth', '--to-released')
    assert result.returncode == 0, result.stderr
    back = load_file(tmp_path / 'back.pth')[key]
    assert back.keys() == original.keys()
    assert all(torch.equal(back[name], original[name]) for name in original)


def test_an_encoder_alone_comes_under_backbone():
    encoder = {
        name.removeprefix('backbone.'): value
        for name, value in released('cmae').items()
        if name.startswith('backbone.')
    }
    assert CMAE.from_released(encoder).keys() == {f'backbone.{name}' for name in encoder}


@pytest.mark.parametrize(
    ('table', 'theirs'),
    [
        (CMAE, ('backbone.fc_norm.weight', 'head.head.bias')),
        (CCMIM, ('fc_norm.weight', 'head.bias')),
    ],
)
def test_a_fine_tuned_model_becomes_a_classifier(table, theirs):
    renamed = table.from_released(dict.fromkeys(theirs, 1))
    assert list(renamed) == ['backbone.ln2.weight', 'head.fc.bias']
    assert tuple(table.to_released(renamed)) == theirs


def test_a_foreign_file_is_an_error(tmp_path):
    save_file({'model': {'tokenizer.weight': torch.ones(1)}}, tmp_path / 'foreign.pth')
    result = mcl('convert ccmim', tmp_path / 'foreign.pth', tmp_path / 'out.pth')
    assert result.returncode == 1
    assert "'tokenizer.weight' is not a tensor of a released ccMIM" in result.stderr
    assert not (tmp_path / 'out.pth').exists()
