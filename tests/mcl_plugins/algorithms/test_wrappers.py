"""Wrappers that flatten, divide or take apart a method are refused, with what to use instead."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.model import MMFullyShardedDataParallel, MMSeparateDistributedDataParallel
from torch import distributed as dist

from mcl_plugins.engine.sharding import ShardingRunner

VIEWS = [torch.zeros(4, 3, 32, 32)] * 2


@pytest.fixture
def _one_process(monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '0')
    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures('_one_process')
def test_flat_weights_are_refused(small_conmim):
    cpu = torch.device('cpu')
    model = MMFullyShardedDataParallel(small_conmim, use_orig_params=True, device_id=cpu)
    with pytest.raises(ValueError, match='FullyShardedDataParallel .*and sharding=True'):
        model.init_weights()  # as MMEngine's Runner does it
    with pytest.raises(ValueError, match='FullyShardedDataParallel .*and sharding=True'):
        model(VIEWS, mode='loss')  # as FSDPStrategy does it


@pytest.mark.usefixtures('_one_process')
def test_parts_that_are_wrapped_are_refused(small_conmim):
    MMSeparateDistributedDataParallel(small_conmim, broadcast_buffers=False, device_ids=None)
    with pytest.raises(ValueError, match=r'model\.backbone is wrapped for itself, in MMDistr'):
        small_conmim.loss(VIEWS)


def test_weights_that_are_elsewhere_are_refused(small_conmim):
    small_conmim.neck.fc0.weight.data = torch.empty(0)  # as stage 3 of ZeRO leaves it
    with pytest.raises(ValueError, match=r'model\.neck\.fc0\.weight is empty, .*\(stage 3 of ZeRO'):
        small_conmim.loss(VIEWS)


def test_our_runner_names_its_own_way_to_divide_a_model(small_conmim):
    wrapper = dict(type='MMFullyShardedDataParallel', use_orig_params=True)
    with pytest.raises(ValueError, match='leave it out, and set sharding=True'):
        ShardingRunner.wrap_model(SimpleNamespace(), wrapper, small_conmim)
