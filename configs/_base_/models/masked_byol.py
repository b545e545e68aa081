# Masked BYOL on ViT-B/16: Masked MoCo without negatives and without the predictor's last norm.
_base_ = './masked_moco.py'

model = dict(
    type='mcl_plugins.MaskedBYOL',
    predictor=dict(with_last_bn=False),
    contrast_head=dict(_delete_=True, type='mcl_plugins.CosineHead', loss_weight=2.0),
)
