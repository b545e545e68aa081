# The runtime of pre-training; the log also has the concentration (kappa) of an image's chunks.
_base_ = './pretraining_runtime.py'

custom_hooks = [dict(type='mcl_plugins.ConcentrationHook')]
