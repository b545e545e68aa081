# Masked BYOL in minutes on a CPU: a small ViT on 32 px crops of handwritten digits.
# bash tools/quickstart.sh --method masked_byol runs it and measures what it gave.
_base_ = 'masked_moco.py'

model = dict(
    type='mcl_plugins.MaskedBYOL',
    predictor=dict(with_last_bn=False),
    contrast_head=dict(_delete_=True, type='mcl_plugins.CosineHead', loss_weight=2.0))
