"""A page to try relation discovery in the browser (extra `demo`): input, worker process, tables and map, downloads."""

from .inputs import DemoInput, read_input
from .launch import launch_demo
from .limits import DemoLimits
from .marked import parse_marked
from .page import build_demo
from .worker import DiscoveryWorker


__all__ = ["DemoInput", "DemoLimits", "DiscoveryWorker", "build_demo", "launch_demo", "parse_marked", "read_input"]
