# Table 6, ViT-S, 100 epochs, fine-tuned with drop path 0.2 and layer decay 0.75: 82.28.
_base_ = '../transfer/in1k-finetune_vit-s.py'

model = dict(backbone=dict(drop_path_rate=0.2))
