# Table 3, BatchNorm heads: 91.5 after fine-tuning, 76.5 linear.
_base_ = 'heads-ln_800e.py'

norm_cfg = dict(_delete_=True, type='mcl_plugins.SyncBN')
model = dict(projector=dict(norm_cfg=norm_cfg), predictor=dict(norm_cfg=norm_cfg))
del norm_cfg
