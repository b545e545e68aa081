"""The fidelity tool on the released numbers, on other sizes, and on numbers that are wrong."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS

from conftest import ROOT
from mcl_plugins.checkpoint.conmim import CONMIM
from mcl_plugins.cli.fidelity import check, largest_error
from mcl_plugins.cli.released import comparisons
from mcl_plugins.cli.released.cards import make_page
from processes import mcl

GOLDEN = ROOT / 'tests/golden'


@pytest.fixture
def golden():
    with np.load(GOLDEN / 'conmim_a.npz') as archive:
        return dict(archive)


@pytest.mark.parametrize('method', sorted(comparisons()))
def test_released_numbers_pass(tmp_path, method):
    result = mcl('fidelity', GOLDEN / f'{method}_a.npz', '--json', tmp_path / 'out.json')
    assert result.returncode == 0, result.stderr
    (report,) = json.loads((tmp_path / 'out.json').read_text())
    assert report['passed'] and report['method'] == method
    assert max(report['loss'], report['outputs'], report['gradients']) < 1e-5


@pytest.mark.parametrize('key', ['loss', 'student_proj', 'grad/blocks.1.mlp.fc1.weight'])
def test_a_wrong_number_fails(tmp_path, golden, key):
    golden[key] = golden[key] * 1.01
    np.savez(tmp_path / 'wrong.npz', **golden)
    result = mcl('fidelity', GOLDEN / 'conmim_a.npz', tmp_path / 'wrong.npz')
    assert result.returncode == 1
    assert 'pass  conmim_a.npz' in result.stderr and 'FAIL  wrong.npz' in result.stderr


def test_a_missing_tensor_stops(tmp_path, golden):
    del golden['student/projectors.4.weight']
    np.savez(tmp_path / 'part.npz', **golden)
    result = mcl('fidelity', tmp_path / 'part.npz')
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert 'neck.bn1.weight' in result.stderr


def test_what_is_no_golden_file_is_named(tmp_path, golden):
    part, array, lacking = (tmp_path / name for name in ('part.npz', 'array.npy', 'lacking.npz'))
    part.write_bytes((GOLDEN / 'conmim_a.npz').read_bytes()[:5000])
    np.save(array, golden['loss'])
    np.savez(lacking, **{key: value for key, value in golden.items() if key != 'loss'})
    for file, message in (
        (part, 'is not an .npz archive, or is incomplete'),
        (array, 'is not an .npz archive'),
        (lacking, "lacks the entry 'loss', which files of conmim need"),
        (tmp_path, 'does not exist'),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
            check(file, torch.device('cpu'))
        assert str(file) in str(caught.value)


def test_an_unknown_method_is_named(tmp_path, golden):
    golden['method'] = np.array('simclr')
    np.savez(tmp_path / 'simclr.npz', **golden)
    result = mcl('fidelity', tmp_path / 'simclr.npz')
    assert (
        result.returncode == 1
        and "'simclr' is unknown; known are ['ccmim', 'cmae', 'conmim'" in result.stderr
    )


def test_other_sizes_pass(tmp_path):
    """A file of the same format with other sizes, computed by the parts in plain steps."""
    img, patch, dim, depth, heads, out, hidden = 24, 4, 32, 3, 4, 8, 24
    tokens = (img // patch) ** 2
    backbone = MODELS.build(
        dict(
            type='BEiTPretrainViT',  # mmpretrain's: a second implementation
            arch=dict(
                embed_dims=dim, num_layers=depth, num_heads=heads, feedforward_channels=4 * dim
            ),
            img_size=img,
            patch_size=patch,
        )
    ).double()
    for param in backbone.parameters():
        torch.nn.init.normal_(param, std=0.1)
    neck = torch.nn.Sequential(
        torch.nn.Linear(dim, hidden, bias=False),
        torch.nn.BatchNorm1d(hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, hidden, bias=False),
        torch.nn.BatchNorm1d(hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, out, bias=False),
        torch.nn.BatchNorm1d(out, affine=False),
    ).double()
    state = CONMIM.to_released({f'backbone.{k}': v for k, v in backbone.state_dict().items()})
    state.update({f'projectors.{name}': value for name, value in neck.state_dict().items()})
    content = {
        f'{part}/{name}': value.clone().numpy()
        for part in ('student', 'teacher')
        for name, value in state.items()
    }
    views = torch.randn(2, 3, 3, img, img).float().double()
    mask = torch.stack([torch.randperm(tokens) for _ in range(3)]) < 20

    def project(images, hidden_patches):
        (features,) = backbone(images, hidden_patches)
        rows = neck(features.flatten(0, 1)).view(3, tokens + 1, out)[:, 1:]
        return torch.nn.functional.normalize(rows, dim=-1)

    query = project(views[0], mask)
    with torch.no_grad():
        key = project(views[1], torch.zeros_like(mask))
    logits = torch.einsum('nqc,nkc->nqk', query, key)[mask] / 0.1
    positives = torch.arange(tokens).expand(3, -1)[mask]
    loss = torch.nn.functional.cross_entropy(logits, positives)
    loss.backward()
    gradients = {f'backbone.{k}': v.grad for k, v in backbone.named_parameters()}
    content.update({f'grad/{k}': v.numpy() for k, v in CONMIM.to_released(gradients).items()})
    content.update(
        {f'grad/projectors.{name}': p.grad.numpy() for name, p in neck.named_parameters()}
    )
    np.savez(
        tmp_path / 'conmim_b.npz',
        **content,
        method=np.array('conmim'),
        meta=np.array([img, patch, dim, depth, heads, out, hidden]),
        images=views[0].numpy(),
        images_strong=views[1].numpy(),
        mask=mask.numpy(),
        loss=loss.item(),
        student_proj=query.detach().numpy(),
        teacher_proj=key.numpy(),
    )
    result = mcl('fidelity', tmp_path / 'conmim_b.npz')
    assert result.returncode == 0, result.stderr


OUTSIDE = """
from mcl_plugins.cli.released import Comparison, compares
import torch

@compares('outside')
def compare(golden, device):
    ours = torch.as_tensor(golden['images']).sum()
    return Comparison(loss={'loss': (ours, golden['loss'])}, outputs={}, gradients={})
"""


def test_a_method_from_outside_the_package_takes_part(tmp_path):
    (tmp_path / 'my_methods.py').write_text(OUTSIDE)
    for name, loss in (('right', 6.0), ('wrong', 7.0)):
        np.savez(tmp_path / f'{name}.npz', method='outside', images=[1.0, 2.0, 3.0], loss=loss)
    files = [tmp_path / 'right.npz', tmp_path / 'wrong.npz']
    command = [sys.executable, '-m', 'mcl_plugins', 'fidelity', *files, '--import', 'my_methods']
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert 'pass  right.npz  outside' in result.stderr
    assert 'FAIL  wrong.npz  outside' in result.stderr


def test_the_cards_are_those_of_the_page():
    """But for the errors, whose last digits depend on the machine."""
    files = sorted(GOLDEN.glob('*.npz'))
    made = make_page([check(file, torch.device('cpu')) for file in files])
    page = (ROOT / 'docs/fidelity.md').read_text()
    number = re.compile(r'\d(?:\.\d)?e[-+]\d\d')
    assert number.sub('N', page) == number.sub('N', made)
    errors = [float(error) for error in number.findall(page)]
    assert len(errors) >= 3 * len(files) and max(errors) < 1e-5


def test_links_of_the_cards_lead_somewhere():
    page = ROOT / 'docs/fidelity.md'
    links = re.findall(r'\]\((\.\./[^)#]+)', page.read_text())
    assert links and not [link for link in links if not (page.parent / link).is_file()]


def test_a_group_of_zeros_agrees_with_zeros_only():
    zeros = np.zeros(3)
    assert largest_error({'a': (torch.zeros(3), zeros)}) == 0
    assert largest_error({'a': (torch.full((3,), 1e-9), zeros)}) > 1
    assert largest_error({'a': (torch.zeros(0), np.zeros(0))}) == 0
