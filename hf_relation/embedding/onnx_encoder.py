"""The encoder that runs a graph of the model in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from hf_relation.compat import import_optional
from hf_relation.embedding.forward import BatchFunction
from hf_relation.embedding.graph_encoder import GraphEncoder, with_memory_errors
from hf_relation.errors import UsageError


class OnnxEncoder(GraphEncoder):
    """An [`~hf_relation.embedding.Encoder`] that runs ONNX Runtime, in float32; as many threads as torch has.

    On a CPU it is about as fast as torch; it is there for providers of ONNX Runtime and for comparison. Its kernels for processors
    know no bfloat16 (`NOT_IMPLEMENTED` when the session is made), and nothing is quantised to integers.

    Args:
        model (`nn.Module`), processor ([`RelationProcessor`]), dtype (`str`), max_tokens_per_batch (`int`, *optional*),
            device (`torch.device`, *optional*): see [`~hf_relation.embedding.make_encoder`]. A CPU, or CUDA with the
            package onnxruntime-gpu.

    Raises:
        UsageError: bfloat16, or a device that the installed onnxruntime has no provider for.
        MissingPackageError: onnx, onnxscript or onnxruntime is not installed (extra `onnx`).
    """

    backend = "onnx"
    _bfloat16_is_possible: ClassVar[bool] = False

    def __init__(self, *args: Any, **settings: Any) -> None:
        for package in ("onnx", "onnxscript"):
            import_optional(package, extra="onnx")
        self._library = import_optional("onnxruntime", extra="onnx")
        super().__init__(*args, **settings)
        self._provider(self._target())

    def _check_bfloat16(self) -> None:
        raise UsageError(
            "ONNX Runtime has no kernels for bfloat16 on a CPU, so backend='onnx' computes in float32 only. Use "
            "dtype='float32' (or 'auto'), or bfloat16 with backend='torch' or 'openvino'."
        )

    def _provider(self, device: torch.device) -> tuple[str, dict[str, Any]]:
        wanted = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}.get(device.type)
        there = self._library.get_available_providers()
        if wanted is None or wanted not in there:
            raise UsageError(
                f"backend='onnx' cannot run on {str(device)!r}: the installed onnxruntime has {', '.join(there)}. Use "
                "device='cpu', onnxruntime-gpu for CUDA, or backend='torch'."
            )
        return wanted, {} if device.type == "cpu" else {"device_id": device.index or 0}

    def _load(self, file: Path, device: torch.device, *, bfloat16: bool) -> BatchFunction:
        options = self._library.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        name, settings = self._provider(device)
        session = self._library.InferenceSession(str(file), options, providers=[(name, settings)])
        if session.get_providers()[0] != name:  # it goes on with the processor by itself
            raise UsageError(
                f"onnxruntime could not start its {name} and would use {session.get_providers()[0]}. Check that the libraries "
                "it needs are installed, or use device='cpu' or backend='torch'."
            )
        names = [one.name for one in session.get_inputs()]

        def run(columns: Mapping[str, np.ndarray]) -> np.ndarray:
            (found,) = session.run(["embeddings"], {name: columns[name] for name in names})
            return np.asarray(found, dtype=np.float32)

        return with_memory_errors(run)
