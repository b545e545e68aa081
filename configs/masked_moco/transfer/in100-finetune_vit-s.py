# Masked MoCo ViT-S/16 with 12 heads on ImageNet-100, 100 epochs: 89.8 from 200 epochs of
# pre-training there, 91.9 from 800 (paper, Tables 1 and 3).
_base_ = 'in1k-finetune_vit-s.py'

dataset = dict(dataset=dict(type='mcl_plugins.ImageNet100'))
train_dataloader = dataset
val_dataloader = dataset
test_dataloader = dataset
del dataset
data_preprocessor = dict(num_classes=100)
model = dict(head=dict(num_classes=100))
