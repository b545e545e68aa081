"""Steps of a released code, from a folder that stands for a user's checkout of it."""

import pytest

from mcl_plugins.cli.benchmark.count import count_released
from mcl_plugins.cli.benchmark.step import time_steps

# What the package calls of ccMIM's code, on a small model, with what is asked of a GPU there.
FILES = {
    'models_ccmim.py': """
import torch
from torch._six import inf

class Model(torch.nn.Module):
    def __init__(self, norm_pix_loss, args):
        super().__init__()
        self.linear = torch.nn.Linear(3, 5, bias=False)

    def forward(self, images):
        features = self.linear(images.mean((2, 3)))
        gathered = [torch.ones_like(features)]
        torch.distributed.all_gather(gathered, features.detach(), async_op=False)
        rank = torch.arange(1).cuda() + torch.distributed.get_rank()
        return (features * gathered[0]).sum() + rank.sum()

ccmim_vit_base_patch16 = Model
""",
    'engine_pretrain.py': """
import torch

def train_one_epoch(model, data_loader, optimizer, device, epoch, loss_scaler, args):
    for images, _ in data_loader:
        print('a line of its log')
        loss_scaler(model(images), optimizer)
        optimizer.zero_grad()
        torch.cuda.synchronize()
""",
    'util/misc.py': """
class NativeScalerWithGradNormCount:
    def __call__(self, loss, optimizer):
        loss.backward()
        optimizer.step()
""",
}


@pytest.fixture
def checkout(tmp_path):
    for name, code in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    return tmp_path


def test_a_released_step_is_counted(checkout, capsys):
    counts = count_released(checkout, 'ccmim/vit-b.py', batch_size=2)
    # 2 x 3 by 3 x 5, forward, and the gradient of the weights.
    assert counts.gflop == pytest.approx(2 * 2 * 2 * 3 * 5 / 1e9)
    assert counts.operations['_foreach_add_'] >= 1 and not counts.syncs
    with pytest.raises(ValueError, match=r"not of CcMIM 'huge'"):
        count_released(checkout, 'ccmim/vit-b.py', cfg_options={'model.backbone.arch': 'huge'})
    assert not capsys.readouterr().out


def test_other_folders_and_methods_are_refused(checkout):
    with pytest.raises(ValueError, match=r'no checkout of the released ConMIM: it has no engine_'):
        count_released(checkout, 'conmim/vit-b.py')
    with pytest.raises(ValueError, match=r'Released code is run of ConMIM small, base, large; .*'):
        time_steps('quickstart/conmim.py', 2, 1, 'cpu', against_released=checkout)
