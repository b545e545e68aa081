# Figure 2, InfoNCE with lambda 0.6 (accuracy in the figure only).
_base_ = 'importance-sampling_400e.py'

model = dict(contrast_head=dict(loss_weight=0.6))
