"""The one encoder loop: instances to an array of embeddings."""

from hf_relation.embedding.batching import token_budget_batches
from hf_relation.embedding.embed import embed_instances
from hf_relation.embedding.encoder import Backend, Encoder, make_encoder
from hf_relation.embedding.exporting import export_onnx, export_program
from hf_relation.embedding.texts import TextEncoder
from hf_relation.embedding.torch_encoder import TorchEncoder


__all__ = [
    "Backend",
    "Encoder",
    "TextEncoder",
    "TorchEncoder",
    "embed_instances",
    "export_onnx",
    "export_program",
    "make_encoder",
    "token_budget_batches",
]
