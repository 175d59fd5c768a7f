"""Papers and languages of the corpora, for their cards."""

from __future__ import annotations


_SENTENCES = """@inproceedings{wu2019open,
  title={Open Relation Extraction: Relational Knowledge Transfer from Supervised Data to Unsupervised Data},
  author={Wu, Ruidong and Yao, Yuan and Han, Xu and Xie, Ruobing and Liu, Zhiyuan and Lin, Fen and Lin, Leyu and Sun, Maosong},
  booktitle={Proceedings of the 2019 Conference on Empirical Methods in Natural Language Processing},
  year={2019}
}"""
_FEWREL = """@inproceedings{han2018fewrel,
  title={FewRel: A Large-Scale Supervised Few-Shot Relation Classification Dataset with State-of-the-Art Evaluation},
  author={Han, Xu and Zhu, Hao and Yu, Pengfei and Wang, Ziyun and Yao, Yuan and Liu, Zhiyuan and Sun, Maosong},
  booktitle={Proceedings of the 2018 Conference on Empirical Methods in Natural Language Processing},
  year={2018}
}"""
_WEBNLG = """@inproceedings{gardent2017creating,
  title={Creating Training Corpora for NLG Micro-Planners},
  author={Gardent, Claire and Shimorina, Anastasia and Narayan, Shashi and Perez-Beltrachini, Laura},
  booktitle={Proceedings of the 55th Annual Meeting of the Association for Computational Linguistics},
  year={2017}
}"""
_COPYRE = """@inproceedings{zeng2018extracting,
  title={Extracting Relational Facts by an End-to-End Neural Model with Copy Mechanism},
  author={Zeng, Xiangrong and Zeng, Daojian and He, Shizhu and Liu, Kang and Zhao, Jun},
  booktitle={Proceedings of the 56th Annual Meeting of the Association for Computational Linguistics},
  year={2018}
}"""
_GLUE = """@inproceedings{wang2019glue,
  title={GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language Understanding},
  author={Wang, Alex and Singh, Amanpreet and Michael, Julian and Hill, Felix and Levy, Omer and Bowman, Samuel R.},
  booktitle={International Conference on Learning Representations},
  year={2019}
}"""

PAPERS: dict[str, tuple[str, ...]] = {
    "fewrel": (_FEWREL, _SENTENCES),
    "wiki80": (
        _FEWREL,
        """@inproceedings{han2019opennre,
  title={OpenNRE: An Open and Extensible Toolkit for Neural Relation Extraction},
  author={Han, Xu and Gao, Tianyu and Yao, Yuan and Ye, Deming and Liu, Zhiyuan and Sun, Maosong},
  booktitle={Proceedings of the 2019 Conference on Empirical Methods in Natural Language Processing: System Demonstrations},
  year={2019}
}""",
    ),
    "semeval2010_task8": (
        """@inproceedings{hendrickx2010semeval,
  title={SemEval-2010 Task 8: Multi-Way Classification of Semantic Relations between Pairs of Nominals},
  author={Hendrickx, Iris and Kim, Su Nam and Kozareva, Zornitsa and Nakov, Preslav and {\\'O} S{\\'e}aghdha, Diarmuid and
    Pad{\\'o}, Sebastian and Pennacchiotti, Marco and Romano, Lorenza and Szpakowicz, Stan},
  booktitle={Proceedings of the 5th International Workshop on Semantic Evaluation},
  year={2010}
}""",
    ),
    "redocred": (
        """@inproceedings{tan2022revisiting,
  title={Revisiting DocRED - Addressing the False Negative Problem in Relation Extraction},
  author={Tan, Qingyu and Xu, Lu and Bing, Lidong and Ng, Hwee Tou and Aljunied, Sharifah Mahani},
  booktitle={Proceedings of the 2022 Conference on Empirical Methods in Natural Language Processing},
  year={2022}
}""",
    ),
    "tacred": (
        """@inproceedings{zhang2017position,
  title={Position-aware Attention and Supervised Data Improve Slot Filling},
  author={Zhang, Yuhao and Zhong, Victor and Chen, Danqi and Angeli, Gabor and Manning, Christopher D.},
  booktitle={Proceedings of the 2017 Conference on Empirical Methods in Natural Language Processing},
  year={2017}
}""",
    ),
    "nyt_fb": (
        """@article{marcheggiani2016discrete,
  title={Discrete-State Variational Autoencoders for Joint Discovery and Factorization of Relations},
  author={Marcheggiani, Diego and Titov, Ivan},
  journal={Transactions of the Association for Computational Linguistics},
  volume={4},
  year={2016}
}""",
    ),
    "webnlg": (_WEBNLG, _COPYRE),
    "webnlg_star": (_WEBNLG, _COPYRE),
    "nyt_triples": (
        """@inproceedings{riedel2010modeling,
  title={Modeling Relations and Their Mentions without Labeled Text},
  author={Riedel, Sebastian and Yao, Limin and McCallum, Andrew},
  booktitle={Machine Learning and Knowledge Discovery in Databases (ECML PKDD)},
  year={2010}
}""",
        _COPYRE,
    ),
    "ud": (
        """@inproceedings{nivre2020universal,
  title={Universal Dependencies v2: An Evergrowing Multilingual Treebank Collection},
  author={Nivre, Joakim and de Marneffe, Marie-Catherine and Ginter, Filip and Haji{\\v{c}}, Jan and Manning, Christopher D. and
    Pyysalo, Sampo and Schuster, Sebastian and Tyers, Francis and Zeman, Daniel},
  booktitle={Proceedings of the Twelfth Language Resources and Evaluation Conference},
  year={2020}
}""",
    ),
    "wnut17": (
        """@inproceedings{derczynski2017results,
  title={Results of the WNUT2017 Shared Task on Novel and Emerging Entity Recognition},
  author={Derczynski, Leon and Nichols, Eric and van Erp, Marieke and Limsopatham, Nut},
  booktitle={Proceedings of the 3rd Workshop on Noisy User-generated Text},
  year={2017}
}""",
    ),
    "weibo_ner": (
        """@inproceedings{peng2015named,
  title={Named Entity Recognition for Chinese Social Media with Jointly Trained Embeddings},
  author={Peng, Nanyun and Dredze, Mark},
  booktitle={Proceedings of the 2015 Conference on Empirical Methods in Natural Language Processing},
  year={2015}
}""",
    ),
    "snips": (
        """@article{coucke2018snips,
  title={Snips Voice Platform: an embedded Spoken Language Understanding system for private-by-design voice interfaces},
  author={Coucke, Alice and Saade, Alaa and Ball, Adrien and Bluche, Th{\\'e}odore and Caulier, Alexandre and Leroy, David and
    Doumouro, Cl{\\'e}ment and Gisselbrecht, Thibault and Caltagirone, Francesco and Lavril, Thibaut and others},
  journal={arXiv preprint arXiv:1805.10190},
  year={2018}
}""",
    ),
    "cola": (
        """@article{warstadt2019neural,
  title={Neural Network Acceptability Judgments},
  author={Warstadt, Alex and Singh, Amanpreet and Bowman, Samuel R.},
  journal={Transactions of the Association for Computational Linguistics},
  volume={7},
  year={2019}
}""",
        _GLUE,
    ),
    "sst2": (
        """@inproceedings{socher2013recursive,
  title={Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank},
  author={Socher, Richard and Perelygin, Alex and Wu, Jean and Chuang, Jason and Manning, Christopher D. and Ng, Andrew and
    Potts, Christopher},
  booktitle={Proceedings of the 2013 Conference on Empirical Methods in Natural Language Processing},
  year={2013}
}""",
        _GLUE,
    ),
    "wnli": (
        """@inproceedings{levesque2012winograd,
  title={The Winograd Schema Challenge},
  author={Levesque, Hector and Davis, Ernest and Morgenstern, Leora},
  booktitle={Thirteenth International Conference on the Principles of Knowledge Representation and Reasoning},
  year={2012}
}""",
        _GLUE,
    ),
    "qnli": (
        """@inproceedings{rajpurkar2016squad,
  title={SQuAD: 100,000+ Questions for Machine Comprehension of Text},
  author={Rajpurkar, Pranav and Zhang, Jian and Lopyrev, Konstantin and Liang, Percy},
  booktitle={Proceedings of the 2016 Conference on Empirical Methods in Natural Language Processing},
  year={2016}
}""",
        _GLUE,
    ),
    "stsb": (
        """@inproceedings{cer2017semeval,
  title={SemEval-2017 Task 1: Semantic Textual Similarity Multilingual and Crosslingual Focused Evaluation},
  author={Cer, Daniel and Diab, Mona and Agirre, Eneko and Lopez-Gazpio, I{\\~n}igo and Specia, Lucia},
  booktitle={Proceedings of the 11th International Workshop on Semantic Evaluation},
  year={2017}
}""",
        _GLUE,
    ),
    "meld": (
        """@inproceedings{poria2019meld,
  title={MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations},
  author={Poria, Soujanya and Hazarika, Devamanyu and Majumder, Navonil and Naik, Gautam and Cambria, Erik and Mihalcea, Rada},
  booktitle={Proceedings of the 57th Annual Meeting of the Association for Computational Linguistics},
  year={2019}
}""",
    ),
}
"""BibTeX by the name of the corpus; one that has no paper of its own is not here."""

_LANGUAGES = {"weibo_ner": ("zh",), "iob2corpus": ("ja",)}
# Of files of one's own, and of corpora whose configurations have languages of their own, nothing is said.
_UNKNOWN = ("jsonl", "conll_slots", "ud")


def corpus_languages(name: str, configurations: tuple[str, ...] = ()) -> list[str]:
    """Language codes of a corpus, as far as they are known.

    Args:
        name (`str`): of the recipe.
        configurations (`tuple[str, ...]`): those of Universal Dependencies begin with a code (`"de_gsd"`).

    Returns:
        `list[str]`: empty where they are not known.

    Example:

    ```python
    >>> from hf_relation.data.corpus_papers import corpus_languages
    >>> corpus_languages("ud", ("zh_gsd", "de_gsd", "zh_gsd_v1")), corpus_languages("fewrel"), corpus_languages("jsonl")
    (['zh', 'de'], ['en'], [])

    ```
    """
    if name == "ud":
        return list(dict.fromkeys(configuration.partition("_")[0] for configuration in configurations))
    return [] if name in _UNKNOWN else list(_LANGUAGES.get(name, ("en",)))
