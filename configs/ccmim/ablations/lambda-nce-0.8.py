# Figure 2, InfoNCE with lambda 0.8 (accuracy in the figure only).
_base_ = 'importance-sampling_400e.py'

model = dict(contrast_head=dict(loss_weight=0.8))
