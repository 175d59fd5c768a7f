"""The demo of hf_relation as a Hub Space; runs on a laptop as well: `python examples/space/app.py`."""

import os

from hf_relation.demo import DemoLimits, build_demo, launch_demo


# A free Space has two cores, which everybody shares.
limits = DemoLimits(max_rows=1000, timeout=180)
demo = build_demo(limits=limits)

if __name__ == "__main__":
    # A Space sets GRADIO_SERVER_NAME to 0.0.0.0; elsewhere only this machine can reach the page.
    launch_demo(demo, limits=limits, host=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"))
