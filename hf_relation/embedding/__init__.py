"""The one encoder loop: instances to an array of embeddings."""

from hf_relation.embedding.batching import token_budget_batches
from hf_relation.embedding.embed import embed_instances


__all__ = ["embed_instances", "token_budget_batches"]
