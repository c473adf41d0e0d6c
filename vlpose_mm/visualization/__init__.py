"""Visualization of attention maps."""

from vlpose_mm.visualization.attention_map_visualizer import AttentionMapVisualizer
from vlpose_mm.visualization.attention_maps import draw_attention_maps

__all__ = ['AttentionMapVisualizer', 'draw_attention_maps']
