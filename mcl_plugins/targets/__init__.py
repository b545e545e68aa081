"""Targets that a student learns from: an EMA of itself, a frozen teacher, a queue of keys."""

from .ema import EMA, MomentumSchedule
from .feature_queue import FeatureQueue
from .frozen_teacher import FrozenTeacher, allow_random_teachers

__all__ = ['EMA', 'FeatureQueue', 'FrozenTeacher', 'MomentumSchedule', 'allow_random_teachers']
