"""The papers that cards name, as BibTeX."""

from __future__ import annotations


_FINECL = """@inproceedings{hogan2022fine,
  title={Fine-grained Contrastive Learning for Relation Extraction},
  author={Hogan, William and Li, Jiacheng and Shang, Jingbo},
  booktitle={Proceedings of the 2022 Conference on Empirical Methods in Natural Language Processing},
  pages={1083--1095},
  year={2022}
}"""
_BIBTEX = {
    "more": """@inproceedings{wang2021more,
  title={MORE: A Metric Learning Based Framework for Open-Domain Relation Extraction},
  author={Wang, Yutong and Lou, Renze and Zhang, Kai and Chen, Mao Yan and Yang, Yujiu},
  booktitle={IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  year={2021}
}""",
    "rocore": """@inproceedings{zhao2021relation,
  title={A Relation-Oriented Clustering Method for Open Relation Extraction},
  author={Zhao, Jun and Gui, Tao and Zhang, Qi and Zhou, Yaqian},
  booktitle={Proceedings of the 2021 Conference on Empirical Methods in Natural Language Processing},
  year={2021}
}""",
    "siamese_ure": """@inproceedings{zhang2023siamese,
  title={Siamese Representation Learning for Unsupervised Relation Extraction},
  author={Zhang, Guangxin and Chen, Shu},
  booktitle={26th European Conference on Artificial Intelligence (ECAI)},
  year={2023}
}""",
    "kernel_re": """@article{li2020downstream,
  title={Downstream Model Design of Pre-trained Language Model for Relation Extraction Task},
  author={Li, Cheng and Tian, Ye},
  journal={arXiv preprint arXiv:2004.03786},
  year={2020}
}""",
    "finecl": _FINECL,
    "pair_classification": _FINECL,
    "multitask": """@inproceedings{liu2019multi,
  title={Multi-Task Deep Neural Networks for Natural Language Understanding},
  author={Liu, Xiaodong and He, Pengcheng and Chen, Weizhu and Gao, Jianfeng},
  booktitle={Proceedings of the 57th Annual Meeting of the Association for Computational Linguistics},
  year={2019}
}""",
    "relation_cnn": """@inproceedings{wu2019open,
  title={Open Relation Extraction: Relational Knowledge Transfer from Supervised Data to Unsupervised Data},
  author={Wu, Ruidong and Yao, Yuan and Han, Xu and Xie, Ruobing and Liu, Zhiyuan and Lin, Fen and Lin, Leyu and Sun, Maosong},
  booktitle={Proceedings of the 2019 Conference on Empirical Methods in Natural Language Processing},
  year={2019}
}""",
    "pruning": """@inproceedings{ma2021contributions,
  title={Contributions of Transformer Attention Heads in Multi- and Cross-lingual Tasks},
  author={Ma, Weicheng and Zhang, Kai and Lou, Renze and Wang, Lili and Vosoughi, Soroush},
  booktitle={Proceedings of the 59th Annual Meeting of the Association for Computational Linguistics},
  year={2021}
}""",
    "lora": """@inproceedings{hu2022lora,
  title={LoRA: Low-Rank Adaptation of Large Language Models},
  author={Hu, Edward J. and Shen, Yelong and Wallis, Phillip and Allen-Zhu, Zeyuan and Li, Yuanzhi and Wang, Shean and Wang, Lu
    and Chen, Weizhu},
  booktitle={International Conference on Learning Representations},
  year={2022}
}""",
}


def citation_section(*keys: str) -> str:
    """The section of a card that says what to cite.

    Args:
        *keys (`str`): families (`"more"`, ...) or methods (`"lora"`); unknown ones are left out.

    Returns:
        `str`: Markdown, empty where there is nothing to cite.

    Example:

    ```python
    >>> from hf_relation.cards.papers import citation_section
    >>> citation_section("more").splitlines()[3]
    '@inproceedings{wang2021more,'
    >>> citation_section("unheard of")
    ''

    ```
    """
    found = list(dict.fromkeys(_BIBTEX[key] for key in keys if key in _BIBTEX))
    return "## Citation\n\n```bibtex\n" + "\n".join(found) + "\n```" if found else ""
