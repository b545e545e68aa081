# The default runtime; the log also has the concentration (kappa) of an image's chunks.
_base_ = './default_runtime.py'

custom_hooks = [dict(type='mcl_plugins.ConcentrationHook')]
