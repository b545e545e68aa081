# Figure 2, InfoNCE with lambda 1.0 (accuracy in the figure only).
_base_ = 'importance-sampling_400e.py'

model = dict(contrast_head=dict(loss_weight=1.0))
