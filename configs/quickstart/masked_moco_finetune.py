# The quickstart's few-label fine-tuning, from a checkpoint of masked_moco.py (the online encoder) or,
# with init_cfg=None, from random weights.
_base_ = 'cmae_finetune.py'
