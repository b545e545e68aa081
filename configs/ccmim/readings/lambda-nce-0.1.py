# Figure 2, InfoNCE with lambda 0.1, that of the last released code (figure only).
_base_ = '../ablations/importance-sampling_400e.py'

model = dict(contrast_head=dict(loss_weight=0.1))
