"""Small files of every format, made up, to start from."""

from __future__ import annotations

import gzip
import json
from typing import Any


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8")


def _lines(*rows: Any) -> bytes:
    return b"".join(_json(row) + b"\n" for row in rows)


_INSTANCE = {
    "id": "a",
    "text": "Zoé Lind founded Nordkraft.",
    "head": {"start": 0, "end": 8, "type": "PERSON"},
    "tail": {"start": 17, "end": 26, "type": None},
    "relations": ["founded"],
}
_SECOND = {
    "text": "北京 🚀 Ada met Bob.",
    "head": {"start": 14, "end": 17},
    "tail": {"start": 0, "end": 2},
    "relation": "met",
    "origin": {"id": "x", "start": 3},
}
_DOCUMENT = {
    "id": "d",
    "text": "Ada lives in Oslo .\nAda met Bo .",
    "mentions": [{"start": 0, "end": 3}, {"start": 13, "end": 17}, {"start": 20, "end": 23}, {"start": 28, "end": 30}],
    "entities": [
        {"id": "Q1", "type": "PER", "mentions": [0, 2]},
        {"type": "LOC", "mentions": [1]},
        {"mentions": [3]},
    ],
    "relations": [{"head": 0, "tail": 1, "label": "lives in"}, {"head": 0, "tail": 2, "label": "met"}],
}
_FEWREL = {
    "tokens": ["Ada", "Lind", "met", "\u00a0", "Bo", "."],
    "h": ["ada lind", "Q1", [[0, 1], [2]]],
    "t": ["bo", "Q2", [[4]]],
    "src": "ohre",
}
_RECORD = {
    "relation": "P6",
    "sentence": ["Ada", "met", "Bo", "Weil"],
    "head": {"word": "ada", "e1_begin": 0, "e1_end": 0},
    "tail": {"e2_begin": 2, "e2_end": 3},
}
_OPENNRE = {
    "token": ["Ada", "met", "Bo", "."],
    "h": {"pos": [0, 1], "name": "ada"},
    "t": {"pos": [2, 3]},
    "relation": "spouse",
}
_OPENNRE_TEXT = {"text": "Ada met Bo.", "h": {"pos": [0, 3]}, "t": {"pos": [8, 10]}, "relation": "NA"}
_TACRED = {
    "id": "e1",
    "relation": "per:spouse",
    "token": ["Ada", "(-LRB-", "met", "Bo", "."],
    **{"subj_start": 0, "subj_end": 0, "subj_type": "PERSON", "obj_start": 3, "obj_end": 3, "obj_type": "PERSON"},
}
_DOCRED = {
    "title": "Ada",
    "sents": [["Ada", "lives", "in", "Oslo", "."], ["Lind", "met", "Bo", "."]],
    "vertexSet": [
        [
            {"name": "Ada", "pos": [0, 1], "sent_id": 0, "type": "PER"},
            {"name": "Lind", "pos": [0, 1], "sent_id": 1, "type": "PER"},
        ],
        [{"name": "Oslo", "pos": [3, 4], "sent_id": 0, "type": "LOC"}],
        [{"name": "Bo", "pos": [2, 3], "sent_id": 1, "type": "PER"}],
    ],
    "labels": [{"h": 0, "t": 1, "r": "P551", "evidence": [0]}, {"h": 0, "t": 2, "r": "P26", "evidence": []}],
}
_TRIPLES = {"text": "Ada of New York met Bob .", "triple_list": [["Ada", "met", "Bob"], ["Ada", "born in", "York"]]}
_MENTIONS = {
    "sentText": "Ada of Holm met Bob .",
    "relationMentions": [{"em1Text": "Ada", "em2Text": "Holm", "label": "born in"}],
    "entityMentions": [{"start": 0, "text": "Ada", "label": "PERSON"}, {"start": 1, "text": "Bob", "label": None}],
}
_CONLLU = (
    b"# sent_id = a\n# text = don't go\n1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\t_\n1\tdo\tdo\tAUX\t_\t_\t3\taux\t_\t_\n"
    b"2\tn't\tnot\tPART\t_\t_\t3\tadvmod\t_\t_\n2.1\tx\t_\tVERB\t_\t_\t_\t_\t_\t_\n3\tgo\tgo\tVERB\t_\t_\t0\troot\t_\t_\n\n"
    b"1\tJa\tja\tINTJ\t_\t_\t0\troot\t_\t_\n\n"
)
_CSV_OFFSETS = (
    'id,text,head_start,head_end,tail_start,tail_end,head_type\nq,Ada met Bob.,0,3,8,11,PER\n2,"\'=x, Bo",2,3,5,7,\n'
)

SEEDS: dict[str, list[bytes]] = {
    "jsonl-instance": [_lines(_INSTANCE, _SECOND), b"\xef\xbb\xbf" + _lines(_SECOND) + b"\r\n \n" + _lines(_INSTANCE)],
    "jsonl-document": [_lines(_DOCUMENT, {**_DOCUMENT, "id": 7, "relations": None})],
    "jsonl-tagged": [
        _lines({"id": "t", "tokens": ["Zoé", "ran"], "tags": ["B-PER", "O"]}, {"tokens": ["."], "tags": ["O"]})
    ],
    "jsonl-text": [
        _lines({"text": "A fine film.", "label": "positive"}, {"text": "a", "text_pair": "b", "label": None})
    ],
    "jsonl-score": [_lines({"text": "a", "text_pair": "b", "label": 4.5}, {"text": "c", "label": 3})],
    "jsonl-gz": [gzip.compress(_lines(_INSTANCE, _SECOND), mtime=0)],
    "fewrel": [
        _json({"P6": [_FEWREL, {**_FEWREL, "h": ["bo", "Q2", [[4]]], "t": ["a", "Q", [[0]]]}], "P31": [_FEWREL]})
    ],
    "fewrel-records": [_json([_RECORD, _RECORD])],
    "fewrel-names": [_json({"P6": ["head of government", "who heads it"], "P31": ["instance of", ""]})],
    "wiki80": [_lines(_OPENNRE, _OPENNRE_TEXT)],
    "semeval": [
        b'8001\t"The <e1>fire</e1> was caused by a <e2>spark</e2>."\nCause-Effect(e2,e1)\nComment: none\n\n'
        b'8002\t"A <e2>lid</e2> of the <e1>jar</e1>."\nOther\nComment:\n\n',
        b'9\t"An <e1>a</e1> <e2>b</e2>"\n\n10\t"<e1>c</e1><e2>d</e2>"\n',
    ],
    "tacred": [_json([_TACRED, {**_TACRED, "id": "e2", "relation": "no_relation"}])],
    "nyt_fb": [
        b"<-nsubj<-meet->dobj->\tAda\tBob\tPERSON-PERSON\tTRIGGER:meet\td\tAda met Bob .\tA B C D\t/met /saw\n"
        b"p\tnew york\tAda\tLOCATION-PERSON\tt\td\tAda of New York , Ada\tA B C D E F\t\n"
    ],
    "docred": [_json([_DOCRED])],
    "triples": [
        _lines(_TRIPLES, {"text": "St . Paul met Bob", "triple_list": [["St.Paul", "met", "Bob"]]}),
        _json([_TRIPLES]),
    ],
    "triples-mentions": [_lines(_MENTIONS)],
    "triples-opennre": [_lines(_OPENNRE, _OPENNRE_TEXT, {**_OPENNRE, "h": {"pos": [3, 4]}, "relation": "saw"})],
    "cola": [b"gj04\t1\t\tAda ran.\ngj04\t0\t*\tRan Ada the.\n", b"index\tsentence\n0\tAda ran.\n"],
    "sst2": [b"sentence\tlabel\na fine film \t1\nbad \t0\n"],
    "qnli": [b"index\tquestion\tsentence\tlabel\n0\tWho?\tAda ran.\tentailment\n"],
    "stsb": [b'main\tf\t2012\t0001\t5.000\tA "plane.\tAn air plane.\nmain\tf\t2012\t4\t0\ta\tb\tsource\tlicence\n'],
    "conllu": [_CONLLU],
    "conll": [b"-DOCSTART- -X- O O\n\nAda NNP I-NP I-PER\nran VBD I-VP O\n\nOslo\tB-LOC\n"],
    "wnut17": [b"Ada\tB-person\nLind\tI-person\nran\tO\n\nOslo\tB-location\n"],
    "weibo": ["科0\tO\n技1\tB-ORG.NOM\n北0\tB-GPE.NAM\n京1\tI-GPE.NAM\n".encode()],
    "iob2corpus": ["行く\tO\n。\tO\n」\tO\n彼\tB-PSN\n。\tO\n".encode()],
    "snips": [
        _json(
            {"GetWeather": [{"data": [{"text": "rain in "}, {"text": "Upper Holm", "entity": "city"}, {"text": "?"}]}]}
        )
    ],
    "meld": [
        b'Sr No.,Utterance,Speaker,Emotion,Sentiment\n1,"Oh, no!",Ann,sadness,negative\n2,"a\n""b""",Bo,joy,positive\n'
    ],
    "word-vectors": [b"the 0.5 -1\nriver 2 0.25\n. . . 1 1\n", b"2 3\na 1 2 3\nb 1e-3 .5 7\n"],
    "names": [
        "Ada\tPERSON\nNew York\tPLACE\n北京\nZoé\n".encode(),
        _lines({"name": "Ada", "type": "PERSON"}, {"name": "Bo"}),
    ],
    "facts": [
        "\ufeffAda\tborn in\tNew  York\r\n\r\nZoe\u0301\tlives in\t北京\nAda\tis\tADA\n".encode(),
        _lines({"head": "Ada", "relation": "born in", "tail": "Oslo"}, {"head": "Bo", "relation": "=1", "tail": "ß"}),
    ],
    "inventory": [
        _json(
            {"P6": ["head of government", "who heads it"], "P31": "instance of", "P1": {"name": "x", "aliases": ["y"]}}
        ),
        _lines({"name": "spouse", "aliases": ["wife"], "id": "P26"}, "child"),
        b"id\tname\tdescription\taliases\nP26\tspouse\twed\twife|husband\n",
    ],
    "demo-csv": [
        _CSV_OFFSETS.encode(),
        b"text,head,tail\nAda met Bob.,Ada,Bob\n",
        b"text\n<head>A</head> <tail>b</tail>\n",
    ],
    "demo-text": [b"<head>Ada</head> met <tail>Bob</tail>.\nAt <tail>A & B</tail>, <head>c</head>\n"],
    "demo-jsonl": [
        _lines({k: v for k, v in _INSTANCE.items() if k != "relations"}, _DOCUMENT, {"text": "Ada met Bo"})
    ],
}
SEEDS |= {"demo-box": SEEDS["demo-text"] + SEEDS["demo-jsonl"], "demo-names": SEEDS["names"]}
SEEDS |= {
    "input-jsonl": [SEEDS["jsonl-instance"][0] + SEEDS["jsonl-document"][0] + _lines({"text": "Ada met Bo."})],
    "input-txt": ["\ufeffAda met Bo.\r\n\n北京 🚀\n".encode()],
    "input-csv": [b'id,text\na,"Ada, ""met""\nBo"\n,It rained.\n'],
    "input-tsv": [b"text\tid\nAda met Bo.\ta\nIt rained.\t\n"],
    "file-report": SEEDS["jsonl-instance"] + SEEDS["jsonl-document"],
}
