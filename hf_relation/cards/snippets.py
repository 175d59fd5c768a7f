"""The code in cards, by family. It is the same for every checkpoint of a family: no string from data ever gets into it."""

from __future__ import annotations


PLACE = "Put this file's folder (or the repository's id) in the place of `\".\"`."

_PAIRS = """texts = [
    ("Marie Curie", " was born in ", "Warsaw", "."),
    ("Alan Turing", " was born in ", "London", "."),
    ("Volkswagen", " has its headquarters in ", "Wolfsburg", "."),
    ("Siemens", " has its headquarters in ", "Munich", "."),
]
instances = [
    {
        "text": head + between + tail + end,
        "head": {"start": 0, "end": len(head)},
        "tail": {"start": len(head + between), "end": len(head + between + tail)},
    }
    for head, between, tail, end in texts
]
"""
# Algorithms that choose the number of relations themselves, and refuse one.
_CHOOSING = ("mean_shift", "hdbscan")


def discovery_code(algorithm: str = "kmeans") -> str:
    """Discover relations with a pair encoder.

    Args:
        algorithm (`str`, defaults to `"kmeans"`): that of the checkpoint's settings.

    Returns:
        `str`: Python code.
    """
    number = "" if algorithm in _CHOOSING else ", num_relations=2"
    return (
        f"from hf_relation import RelationDiscovery\n\n{_PAIRS}"
        f'discovery = RelationDiscovery.from_pretrained("."{number})\n'
        "print(discovery.fit_predict(instances).labels)"
    )


def prediction_code(width: int | None = None) -> str:
    """Ask a saved discovery for the relations of new instances.

    Args:
        width (`int`, *optional*): numbers of an embedding, for a discovery without an encoder.

    Returns:
        `str`: Python code.
    """
    if width is None:
        return (
            f"from hf_relation import RelationDiscovery\n\n{_PAIRS}"
            'discovery = RelationDiscovery.from_pretrained(".")\n'
            "result = discovery.predict(instances)\n"
            "names = {relation.id: relation.name for relation in discovery.relations_}\n"
            'print([names.get(int(label), "left out") for label in result.labels])'
        )
    return (
        "import numpy as np\n\nfrom hf_relation import RelationDiscovery\n\n"
        f'embeddings = np.ones((2, {int(width)}), dtype="float32")  # those of your instances, from the same encoder\n'
        'discovery = RelationDiscovery.from_pretrained(".")\n'
        "result = discovery.predict(embeddings=embeddings)\n"
        "names = {relation.id: relation.name for relation in discovery.relations_}\n"
        'print([names.get(int(label), "left out") for label in result.labels])'
    )


def extraction_code(joint: bool) -> str:
    """Extract triples.

    Args:
        joint (`bool`): whether the model has a tagger, and so takes raw text.

    Returns:
        `str`: Python code.
    """
    call = (
        'found, = extractor.extract(["Ada Brenner was born in Lindau."])'
        if joint
        else 'text = "Ada Brenner was born in Lindau."\n'
        "document = {\n"
        '    "text": text,\n'
        '    "mentions": [{"start": 0, "end": 11}, {"start": 24, "end": 30}],\n'
        '    "entities": [{"mentions": [0]}, {"mentions": [1]}],\n'
        "}\n"
        "found, = extractor.extract([document])"
    )
    return (
        "from hf_relation import RelationExtractor\n\n"
        f'extractor = RelationExtractor.from_pretrained(".")\n{call}\n'
        'for triple in found["triples"]:\n'
        '    print(triple["head"]["text"], triple["relation"], triple["tail"]["text"], round(triple["score"], 2))'
    )


TASKS_CODE = """import torch
from transformers import AutoTokenizer

from hf_relation import MultiTaskModel

tokenizer = AutoTokenizer.from_pretrained(".")
model = MultiTaskModel.from_pretrained(".").eval()
batch = tokenizer(["Ada Brenner was born in Lindau."], return_tensors="pt")
for name in model.config.task_names:
    with torch.no_grad():
        logits = model(**batch, task=name).logits[0]
    labels = model.config.task(name).labels  # none where a task predicts a number
    print(name, [labels[int(row.argmax())] for row in torch.atleast_2d(logits)] if labels else round(float(logits), 3))"""

CNN_CODE = """import torch

from hf_relation import RelationCNNModel, RelationProcessor

processor = RelationProcessor.from_pretrained(".")
encoder = RelationCNNModel.from_pretrained(".").eval()
text = "Ada Brenner was born in Lindau."
batch = processor([{"text": text, "head": {"start": 0, "end": 11}, "tail": {"start": 24, "end": 30}}])
columns = ("input_ids", "attention_mask", "head_token_mask", "tail_token_mask")
with torch.no_grad():
    states = encoder(**{name: batch[name] for name in columns}).last_hidden_state
print(tuple(states.shape))  # a state for every token; MOREModel.from_encoder(encoder) pools them to one vector a pair"""

FINECL_CODE = """import torch

from hf_relation import DocumentProcessor, FineCLModel

processor = DocumentProcessor.from_pretrained(".")
model = FineCLModel.from_pretrained(".").eval()
text = "Ada Brenner was born in Lindau."
document = {
    "text": text,
    "mentions": [{"start": 0, "end": 11}, {"start": 24, "end": 30}],
    "entities": [{"mentions": [0]}, {"mentions": [1]}],
}
with torch.no_grad():
    found = model(**processor([document]))
print(tuple(found.relations.shape))  # a vector for every ordered pair; PairClassificationModel.from_backbone(...) learns their relations"""


def use_section(code: str) -> str:
    """The section of a card that shows how the checkpoint is used.

    Args:
        code (`str`): Python code that works in the checkpoint's folder.

    Returns:
        `str`: Markdown.
    """
    return f"## Use\n\n{PLACE}\n\n```python\n{code}\n```"
