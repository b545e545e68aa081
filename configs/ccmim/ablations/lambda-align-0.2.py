# Figure 2, alignment (Eq. 8) with lambda 0.2 (accuracy in the figure only).
_base_ = 'importance-sampling_400e.py'

model = dict(
    predictor=dict(  # SimSiam's shape; the paper gives none
        type='NonLinearNeck',
        in_channels=256,
        hid_channels=64,
        out_channels=256,
        with_last_bn=False,
        with_last_bias=True,
        with_avg_pool=False,
        norm_cfg=dict(type='BN1d'),
    ),
    contrast_head=dict(_delete_=True, type='mcl_plugins.CosineHead', loss_weight=0.2),
)
