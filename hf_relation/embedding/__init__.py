"""The one encoder loop: instances to an array of embeddings."""

from hf_relation.embedding.batching import token_budget_batches
from hf_relation.embedding.embed import embed_instances
from hf_relation.embedding.texts import TextEncoder


__all__ = ["TextEncoder", "embed_instances", "token_budget_batches"]
