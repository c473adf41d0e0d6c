"""Pictures of what the model does."""

from vlpose_mm.visualization.draw_words import draw_word_maps
from vlpose_mm.visualization.find_words import find_word_maps
from vlpose_mm.visualization.word_map_visualizer import WordMapVisualizer

__all__ = ['WordMapVisualizer', 'draw_word_maps', 'find_word_maps']
