"""The one encoder loop: instances to an array of embeddings."""

from hf_relation.embedding.batching import token_budget_batches
from hf_relation.embedding.embed import embed_instances
from hf_relation.embedding.exporting import export_onnx, export_program
from hf_relation.embedding.texts import TextEncoder


__all__ = ["TextEncoder", "embed_instances", "export_onnx", "export_program", "token_budget_batches"]
