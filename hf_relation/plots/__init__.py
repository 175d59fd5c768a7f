"""Figures from arrays: maps of points, bars and lines with errors, matrices. matplotlib is imported on use."""

from .bars import Bar, bar_chart
from .heatmaps import heatmap
from .lines import Line, line_chart
from .maps import MapPanel, embedding_map
from .palette import MAX_STYLES, Style, styles


__all__ = [
    "MAX_STYLES",
    "Bar",
    "Line",
    "MapPanel",
    "Style",
    "bar_chart",
    "embedding_map",
    "heatmap",
    "line_chart",
    "styles",
]
