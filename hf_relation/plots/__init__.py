"""Figures from arrays: maps of points, bars and lines with errors. matplotlib is imported on use."""

from .bars import Bar, bar_chart
from .lines import Line, line_chart
from .maps import MapPanel, embedding_map
from .palette import MAX_STYLES, Style, styles


__all__ = ["MAX_STYLES", "Bar", "Line", "MapPanel", "Style", "bar_chart", "embedding_map", "line_chart", "styles"]
