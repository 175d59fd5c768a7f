"""The encoder that runs a graph of the model in OpenVINO."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hf_relation.compat import import_optional
from hf_relation.embedding.forward import BatchFunction
from hf_relation.embedding.graph_encoder import GraphEncoder, with_memory_errors
from hf_relation.errors import UsageError


class OpenVINOEncoder(GraphEncoder):
    """An [`~hf_relation.embedding.Encoder`] that runs OpenVINO on the processor; as many threads as torch has.

    The precision is the one that was asked for: OpenVINO's own choice would be bfloat16 wherever the processor knows it. Nothing
    is quantised to integers.

    Args:
        model (`nn.Module`), processor ([`RelationProcessor`]), dtype (`str`), max_tokens_per_batch (`int`, *optional*),
            device (`torch.device`, *optional*): see [`~hf_relation.embedding.make_encoder`]. A CPU.

    Raises:
        UsageError: a device that is no CPU, or bfloat16 on a processor on which OpenVINO does not compute in it.
        MissingPackageError: openvino, onnx or onnxscript is not installed (extra `openvino`).
    """

    backend = "openvino"

    def __init__(self, *args: Any, **settings: Any) -> None:
        for package in ("onnx", "onnxscript"):
            import_optional(package, extra="openvino")
        self._core = import_optional("openvino", extra="openvino").Core()
        super().__init__(*args, **settings)
        self._refuse_other_devices(self._target())

    def _check_bfloat16(self) -> None:
        able = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if "BF16" not in able:
            raise UsageError(
                f"OpenVINO does not compute in bfloat16 on this processor (it has {', '.join(able)}). Use dtype='float32' or "
                "'auto', or backend='torch'."
            )

    def _refuse_other_devices(self, device: torch.device) -> None:
        if device.type != "cpu":
            raise UsageError(
                f"backend='openvino' runs on processors, and the device is {str(device)!r}. Use device='cpu', or backend='torch'."
            )

    def _load(self, file: Path, device: torch.device, *, bfloat16: bool) -> BatchFunction:
        self._refuse_other_devices(device)
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        compiled = self._core.compile_model(str(file), "CPU", settings)
        found = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if found != settings["INFERENCE_PRECISION_HINT"]:
            raise UsageError(
                f"OpenVINO would compute in {found} where {settings['INFERENCE_PRECISION_HINT']} was asked for. Use another "
                "dtype, or backend='torch'."
            )
        names = [one.any_name for one in compiled.inputs]

        def run(columns: Mapping[str, np.ndarray]) -> np.ndarray:
            # A request of its own: several threads may use the encoder.
            found = compiled.create_infer_request().infer({name: columns[name] for name in names})
            return np.array(found["embeddings"], dtype=np.float32)

        return with_memory_errors(run)
