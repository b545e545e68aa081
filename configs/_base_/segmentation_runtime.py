# mmseg's runtime with this package's runner, checks and log.
_base_ = 'mmseg::_base_/default_runtime.py'

runner_type = 'mcl_plugins.Runner'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='mcl_plugins.CheckpointHook', by_epoch=False, interval=16000, max_keep_ckpts=2,
        minutes=30),
    doctor=dict(type='mcl_plugins.DoctorHook'),
    finite_loss=dict(type='mcl_plugins.FiniteLossHook'),
    identity=dict(type='mcl_plugins.IdentityHook'),
    schedule=dict(type='mcl_plugins.ScheduleHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    preemption=dict(type='mcl_plugins.PreemptionHook'),
    watchdog=dict(type='mcl_plugins.WatchdogHook', seconds=1800),
    visualization=dict(type='SegVisualizationHook'),
)
custom_hooks = [dict(type='mcl_plugins.ClassCountHook')]

vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(vis_backends=vis_backends)
# Each process draws its own crops and flips.
randomness = dict(seed=0, diff_rank_seed=True)
