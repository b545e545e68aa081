# Figure 2, alignment (Eq. 8) with lambda 1.0 (accuracy in the figure only).
_base_ = 'lambda-align-0.2.py'

model = dict(contrast_head=dict(loss_weight=1.0))
