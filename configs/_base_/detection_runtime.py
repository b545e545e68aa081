# Detectors of mmdet under this package's Runner.
_base_ = './default_runtime.py'

default_scope = 'mmdet'
default_hooks = dict(visualization=dict(type='DetVisualizationHook'))
custom_hooks = [dict(type='mcl_plugins.ClassCountHook')]
env_cfg = dict(cudnn_benchmark=False)  # images have many sizes
visualizer = dict(type='DetLocalVisualizer', name='visualizer')
