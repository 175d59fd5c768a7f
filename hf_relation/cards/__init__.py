"""Cards: what a checkpoint was made from, how good it is, and what it cannot do."""

from hf_relation.cards.adapter_card import write_adapter_card
from hf_relation.cards.classification_card import classification_card_text, write_classification_card
from hf_relation.cards.discovery_card import write_discovery_card
from hf_relation.cards.extraction_card import extraction_card_text, write_extraction_card
from hf_relation.cards.model_card import model_card_text, write_model_card
from hf_relation.cards.pretraining_card import write_pretraining_card
from hf_relation.cards.pruning_card import write_pruning_card
from hf_relation.cards.published import (
    PUBLISHED_FEWREL,
    PUBLISHED_FINECL,
    PUBLISHED_KERNEL_RE,
    PublishedExtraction,
    PublishedFineTuning,
    PublishedResult,
)
from hf_relation.data.markdown import escape_markdown, table_row


__all__ = [
    "PUBLISHED_FEWREL",
    "PUBLISHED_FINECL",
    "PUBLISHED_KERNEL_RE",
    "PublishedExtraction",
    "PublishedFineTuning",
    "PublishedResult",
    "classification_card_text",
    "escape_markdown",
    "extraction_card_text",
    "model_card_text",
    "table_row",
    "write_adapter_card",
    "write_classification_card",
    "write_discovery_card",
    "write_extraction_card",
    "write_model_card",
    "write_pretraining_card",
    "write_pruning_card",
]
