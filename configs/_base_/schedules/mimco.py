# MimCo's AdamW: learning rate 1e-3 for a batch size of 512 and 10 epochs of warm-up (paper); points
# that the paper leaves open follow MoBY.
_base_ = './moby.py'

optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys=dict(cls_token=dict(decay_mult=0.0), mask_token=dict(decay_mult=0.0))
    )
)
train_cfg = dict(max_epochs=100)
param_scheduler = [
    dict(type='LinearLR', start_factor=5e-4, begin=0, end=10, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=0, eta_min_ratio=5e-3, convert_to_iter_based=True),
]
