"""Figures from arrays: maps of points, bars and lines with errors, matrices, reliability. matplotlib is imported on use."""

from .bars import Bar, bar_chart
from .heatmaps import heatmap
from .histograms import histogram
from .learning_orders import learned_by_epoch_plot, learned_jaccard_plot
from .lines import Line, line_chart
from .maps import MapPanel, embedding_map
from .networks import network_chart
from .palette import MAX_STYLES, Style, styles
from .reliability import ReliabilityBins, reliability_plot
from .trees import tree_chart


__all__ = [
    "MAX_STYLES",
    "Bar",
    "Line",
    "MapPanel",
    "ReliabilityBins",
    "Style",
    "bar_chart",
    "embedding_map",
    "heatmap",
    "histogram",
    "learned_by_epoch_plot",
    "learned_jaccard_plot",
    "line_chart",
    "network_chart",
    "reliability_plot",
    "styles",
    "tree_chart",
]
