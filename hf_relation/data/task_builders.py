"""`datasets` builders of tasks beside relations: parts of speech, named entities, slots, classes and similarity."""

from __future__ import annotations

from .builders import RelationBuilder, builder_configurations


class UniversalDependencies(RelationBuilder):
    """Universal Dependencies; configurations one for each treebank, such as `"en_ewt"` (default) or `"zh_gsd_v1"`. See `RelationBuilder` for the arguments."""

    corpus = "ud"
    BUILDER_CONFIGS = builder_configurations("ud")


class Wnut17(RelationBuilder):
    """WNUT-17; configurations `"ner"` (default) and `"ner_misc"`. See `RelationBuilder` for the arguments."""

    corpus = "wnut17"
    BUILDER_CONFIGS = builder_configurations("wnut17")


class WeiboNer(RelationBuilder):
    """Weibo NER; configurations `"ner"` (default) and `"ner_misc"`. See `RelationBuilder` for the arguments."""

    corpus = "weibo_ner"
    BUILDER_CONFIGS = builder_configurations("weibo_ner")


class Iob2Corpus(RelationBuilder):
    """IOB2Corpus; configurations `"ner"` (default) and `"ner_misc"`. See `RelationBuilder` for the arguments."""

    corpus = "iob2corpus"
    BUILDER_CONFIGS = builder_configurations("iob2corpus")


class Snips(RelationBuilder):
    """SNIPS; configurations `"slots"` (default) and `"intent"`. See `RelationBuilder` for the arguments."""

    corpus = "snips"
    BUILDER_CONFIGS = builder_configurations("snips")


class Cola(RelationBuilder):
    """CoLA; configuration `"cola"`. See `RelationBuilder` for the arguments."""

    corpus = "cola"
    BUILDER_CONFIGS = builder_configurations("cola")


class Sst2(RelationBuilder):
    """SST-2; configuration `"sst2"`. See `RelationBuilder` for the arguments."""

    corpus = "sst2"
    BUILDER_CONFIGS = builder_configurations("sst2")


class Wnli(RelationBuilder):
    """WNLI; configuration `"wnli"`. See `RelationBuilder` for the arguments."""

    corpus = "wnli"
    BUILDER_CONFIGS = builder_configurations("wnli")


class Qnli(RelationBuilder):
    """QNLI; configuration `"qnli"`. See `RelationBuilder` for the arguments."""

    corpus = "qnli"
    BUILDER_CONFIGS = builder_configurations("qnli")


class StsB(RelationBuilder):
    """STS-B; configuration `"stsb"`. See `RelationBuilder` for the arguments."""

    corpus = "stsb"
    BUILDER_CONFIGS = builder_configurations("stsb")


class Meld(RelationBuilder):
    """MELD; configurations `"emotion"` (default) and `"sentiment"`. See `RelationBuilder` for the arguments."""

    corpus = "meld"
    BUILDER_CONFIGS = builder_configurations("meld")


class ConllSlots(RelationBuilder):
    """Slot files of one's own, such as ATIS; configuration `"slots"`. See `RelationBuilder` for the arguments."""

    corpus = "conll_slots"
    BUILDER_CONFIGS = builder_configurations("conll_slots")
