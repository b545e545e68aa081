# Figure 2, alignment (Eq. 8) with lambda 0.1 (figure only).
_base_ = '../ablations/lambda-align-0.2.py'

model = dict(contrast_head=dict(loss_weight=0.1))
