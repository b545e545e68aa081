"""Parameter groups, their decay, and that grouping changes no update."""

import copy

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

from conftest import ROOT
from mcl_plugins.engine.optim import Bf16OptimWrapper

SCHEDULE = Config.fromfile(ROOT / 'configs/_base_/schedules/conmim.py')


def decay_by_name(model, optimizer):
    names = {id(param): name for name, param in model.named_parameters()}
    return {
        names[id(param)]: group['weight_decay']
        for group in optimizer.param_groups
        for param in group['params']
    }


def test_only_the_released_set_is_not_decayed(small_conmim):
    wrapper = build_optim_wrapper(small_conmim, copy.deepcopy(SCHEDULE.optim_wrapper))
    decay = decay_by_name(small_conmim, wrapper.optimizer)
    assert set(decay) == {n for n, p in small_conmim.named_parameters() if p.requires_grad}
    for name, param in small_conmim.named_parameters():
        if param.requires_grad:
            free = param.ndim == 1 or name.endswith(('.bias', 'cls_token'))
            assert decay[name] == (0.0 if free else 0.05), name
    assert decay['backbone.mask_token'] == 0.05
    assert decay['backbone.rel_pos_bias.relative_position_bias_table'] == 0.05


def test_equal_settings_share_a_group(small_conmim):
    wrapper = build_optim_wrapper(small_conmim, copy.deepcopy(SCHEDULE.optim_wrapper))
    settings = [
        tuple(sorted((k, str(v)) for k, v in group.items() if k != 'params'))
        for group in wrapper.optimizer.param_groups
    ]
    assert len(settings) == len(set(settings)) <= 3  # of 35 parameters


def test_updates_equal_mmengines_one_group_a_parameter(small_conmim):
    results = []
    for constructor in (
        'mcl_plugins.MergedOptimWrapperConstructor',
        'DefaultOptimWrapperConstructor',
    ):
        model = copy.deepcopy(small_conmim)
        config = copy.deepcopy(SCHEDULE.optim_wrapper)
        config.constructor = constructor
        # Adam would blow the rounding in gradients that are zero up to full steps.
        config.optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.05)
        wrapper = build_optim_wrapper(model, config)
        torch.manual_seed(0)
        for step in range(3):
            model.set_progress(step, 3)
            loss = model.loss([torch.randn(4, 3, 32, 32) for _ in range(2)])['loss_contrast']
            wrapper.update_params(loss)
        results.append(model.state_dict())
    for name, value in results[0].items():
        torch.testing.assert_close(value, results[1][name])


def test_without_a_gpu_the_wrapper_computes_in_float32(small_conmim):
    wrapper = build_optim_wrapper(small_conmim, copy.deepcopy(SCHEDULE.optim_wrapper))
    assert isinstance(wrapper, Bf16OptimWrapper)
    with wrapper.optim_context(small_conmim):
        (tokens,) = small_conmim.backbone(torch.randn(2, 3, 32, 32))
    assert tokens.dtype == torch.float32


def test_a_cpu_computes_in_bfloat16_if_it_is_asked_to(small_conmim):
    config = copy.deepcopy(SCHEDULE.optim_wrapper)
    wrapper = build_optim_wrapper(small_conmim, {**config, 'cpu': True})
    views = [torch.randn(4, 3, 32, 32) for _ in range(2)]
    with wrapper.optim_context(small_conmim):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
        loss = small_conmim.loss(views)['loss_contrast']
    assert product.dtype == torch.bfloat16 and loss.dtype == torch.float32
    loss.backward()
    assert all(p.grad.dtype == torch.float32 for p in small_conmim.parameters() if p.requires_grad)


def test_without_settings_frozen_parameters_stay_out(small_conmim):
    config = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.1))
    config['constructor'] = 'mcl_plugins.MergedOptimWrapperConstructor'
    wrapper = build_optim_wrapper(small_conmim, config)
    assert len(wrapper.optimizer.param_groups) == 1
    decay = decay_by_name(small_conmim, wrapper.optimizer)
    trained = {name for name, param in small_conmim.named_parameters() if param.requires_grad}
    assert decay == dict.fromkeys(trained, 0.1)
