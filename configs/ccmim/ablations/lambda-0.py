# Figure 2, lambda 0, reconstruction alone (accuracy in the figure only).
_base_ = 'importance-sampling_400e.py'

model = dict(contrast_head=dict(loss_weight=0.0))
