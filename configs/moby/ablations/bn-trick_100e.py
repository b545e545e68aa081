# The "BN trick", batch norm before the MLPs, 100 epochs: 72.0 linear (released README). The
# released code has the option, but does not pass it on to the model.
_base_ = '../swin-t_100e.py'

model = dict(backbone=dict(mlp_norm='BN'))
