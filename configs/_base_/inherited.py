# What a pre-training that is inherited from mmpretrain gets of this package: reading and checking of
# ImageNet, checkpoints and guards. Parts of a config, which puts them in their places.
inherited_loader = dict(drop_last=True, collate_fn=dict(type='mcl_plugins.default_collate'))
inherited_dataset = dict(
    _delete_=True, type='mcl_plugins.ImageNet', data_root='data/imagenet/', split='train')
inherited_hooks = dict(
    checkpoint=dict(
        type='mcl_plugins.CheckpointHook', interval=1, max_keep_ckpts=2, milestones=4, minutes=30),
    doctor=dict(type='mcl_plugins.DoctorHook'),
    finite_loss=dict(type='mcl_plugins.FiniteLossHook'),
    identity=dict(type='mcl_plugins.IdentityHook'),
    schedule=dict(type='mcl_plugins.ScheduleHook'),
    preemption=dict(type='mcl_plugins.PreemptionHook'),
    watchdog=dict(type='mcl_plugins.WatchdogHook', seconds=1800))
