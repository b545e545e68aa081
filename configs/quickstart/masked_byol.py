# Masked BYOL in minutes on a CPU: a small ViT on 32 px crops of handwritten digits.
# bash tools/quickstart.sh --method masked_byol runs it and evaluates the result.
_base_ = 'masked_moco.py'

norm_cfg = dict(_delete_=True, type='mcl_plugins.SyncBN')
model = dict(
    type='mcl_plugins.MaskedBYOL',
    class_attention=None,
    projector=dict(norm_cfg=norm_cfg),
    predictor=dict(with_last_bn=False, norm_cfg=norm_cfg),
    contrast_head=dict(_delete_=True, type='mcl_plugins.CosineHead', loss_weight=2.0),
)
del norm_cfg

# Without negatives, in so few steps, the features of an encoder with Masked MoCo's learning rate
# collapse to two or three dimensions. More dimensions remain if the encoder learns more slowly than
# the predictor.
optim_wrapper = dict(
    optimizer=dict(lr=3e-4), paramwise_cfg=dict(custom_keys=dict(predictor=dict(lr_mult=10.0)))
)
train_cfg = dict(max_epochs=24)
default_hooks = dict(checkpoint=dict(interval=24))
