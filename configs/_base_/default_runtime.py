default_scope = 'mmpretrain'
runner_type = 'mcl_plugins.Runner'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='mcl_plugins.CheckpointHook', interval=1, max_keep_ckpts=2, minutes=30),
    finite_loss=dict(type='mcl_plugins.FiniteLossHook'),
    identity=dict(type='mcl_plugins.IdentityHook'),
    schedule=dict(type='mcl_plugins.ScheduleHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    preemption=dict(type='mcl_plugins.PreemptionHook'),
    watchdog=dict(type='mcl_plugins.WatchdogHook', seconds=1800),
)

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),  # gloo on a machine without a GPU
)

vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='UniversalVisualizer', vis_backends=vis_backends)
log_processor = dict(window_size=50)
log_level = 'INFO'
load_from = None
resume = False
# Each process draws its own masks and augmentations.
randomness = dict(seed=0, diff_rank_seed=True)
