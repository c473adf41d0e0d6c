"""Codecs of keypoints."""

from vlpose_mm.codecs.udp_heatmap import BatchedUDPHeatmap

__all__ = ['BatchedUDPHeatmap']
