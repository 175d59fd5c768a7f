"""Reading word vectors: the formats as they occur, and every way a file can be wrong."""

import gzip
import logging
import time

import numpy as np
import pytest

from hf_relation.data import WordVectors, read_word_vectors
from hf_relation.errors import InvalidRowError, UsageError


def write(folder, text, name="vectors.txt"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_words_and_numbers_are_those_of_the_file(tmp_path):
    found = read_word_vectors(write(tmp_path, "the 0.5 -1 2e-3\n, 1 2 3\nÜber -0 .5 7.\n"))
    assert found.words == ["the", ",", "Über"]
    assert found.vectors.dtype == np.float32 and found.dim == 3
    np.testing.assert_array_equal(found.vectors, np.float32([[0.5, -1, 0.002], [1, 2, 3], [0, 0.5, 7]]))
    assert (found.name, found.num_duplicates) == ("vectors.txt", 0)


def test_gzip_is_unpacked_on_the_fly(tmp_path):
    path = tmp_path / "vectors.txt.gz"
    path.write_bytes(gzip.compress(b"a 1 2\nb 3 4\n"))
    np.testing.assert_array_equal(read_word_vectors(path).vectors, [[1, 2], [3, 4]])


def test_header_of_word2vec_trailing_spaces_and_tabs(tmp_path):
    found = read_word_vectors(write(tmp_path, "2 3\n</s> 1 2 3 \nriver\t4\t5\t6\r\n"))
    assert found.words == ["</s>", "river"]
    np.testing.assert_array_equal(found.vectors, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("word", [". . .", "at name@domain.com", "New York City", "a\u00a0b", "\u0085"])
def test_words_with_spaces_are_read_from_the_right(tmp_path, word):
    found = read_word_vectors(write(tmp_path, f"the 1 2 3\n{word} 4 5 6\n"))
    assert found.words == ["the", word]
    np.testing.assert_array_equal(found.vectors[1], [4, 5, 6])


def test_the_first_word_may_hold_spaces_and_any_word_may_be_a_number(tmp_path):
    found = read_word_vectors(write(tmp_path, ". . 1 2 3\n1984 4 5 6\n-0.5 7 8 9\n"))
    assert found.words == [". .", "1984", "-0.5"]


def test_of_equal_words_the_first_counts_and_the_others_are_logged(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        found = read_word_vectors(write(tmp_path, "a 1\nb 2\na 3\na 4\n"))
    assert found.words == ["a", "b"] and found.vectors[0, 0] == 1 and found.num_duplicates == 2
    assert "2 lines repeat a word" in caplog.text


def test_only_the_words_asked_for_are_kept_in_the_order_of_the_file(tmp_path):
    path = write(tmp_path, "the 1\nRiver 2\nriver 3\nsea 4\n")
    assert read_word_vectors(path, words=["sea", "river", "unheard"]).words == ["river", "sea"]
    with pytest.raises(UsageError, match="none of the 1 words.*letter case"):
        read_word_vectors(path, words=["SEA"])


def test_max_words_stops_reading(tmp_path):
    path = write(tmp_path, "a 1\nb 2\nc broken\n")
    assert read_word_vectors(path, max_words=2).words == ["a", "b"]
    assert read_word_vectors(write(tmp_path, "9 1\na 1\nb 2\n"), max_words=1).words == ["a"]


@pytest.mark.parametrize("value", [0, -1, 2.0, True])
def test_max_words_is_at_least_one(tmp_path, value):
    with pytest.raises(UsageError, match="max_words"):
        read_word_vectors(write(tmp_path, "a 1\n"), max_words=value)


@pytest.mark.parametrize(
    "text, line, message",
    [
        ("a 1 2 3\nb 1 2\n", 2, "ends in 2 numbers, but the first has 3"),
        ("a 1 2 3\nb 1 2 3 4\n", 2, "ends in 4 numbers, but the first has 3"),
        ("a 1 2 3\nNew York 1 2\n", 2, "'York'"),
        ("a 1 2 3\nNew York 1 2 3 4\n", 2, "ends in 4 numbers, but the first has 3"),
        ("2 300\na 1 2\n", 2, "ends in 2 numbers, but the header says 300"),
        ("a 1 2\nb 1 x\n", 2, "'x' is not a finite number"),
        ("a 1 2\nb 1 1_0\n", 2, "'1_0' is not a finite number"),
        ("a 1 2\nb nan 2\n", 2, "'nan' is not a finite number"),
        ("a 1 2\nb 1 -inf\n", 2, "'-inf' is not a finite number"),
        ("a 1 2\nb 1 1e39\n", 2, "'1e39' is not a finite number"),
        ("a 1 2\nb  1\n", 2, "1 numbers, but 2 are needed"),
        ("a 1 2\n 1 2\n", 2, "no word"),
        (b"a 1 2\n\xff\xfe 1 2\n", 2, "not UTF-8: byte 0xff"),
        ("only words here\n", 1, "not a text file of word vectors"),
        ("0 50\n", 1, "promises no words"),
        (b"a 1\n" + b"\x00" * 10 + b"\n", 2, "ends in 0 numbers"),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong(tmp_path, text, line, message):
    with pytest.raises(InvalidRowError, match=message) as caught:
        read_word_vectors(write(tmp_path, text))
    assert caught.value.line == line


def test_a_bad_line_far_down_is_named(tmp_path):
    lines = [f"w{i} {i} 1" for i in range(10_000)]
    lines[7_123] = "w7123 1 oops"
    with pytest.raises(InvalidRowError, match="'oops'") as caught:
        read_word_vectors(write(tmp_path, "\n".join(lines)))
    assert caught.value.line == 7_124


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "no word vectors"),
        (b"\n \n", "no word vectors"),
        (b"3 2\na 1 2\nb 3 4\n", "2 words, but its header promises 3"),
        (b"1 2\na 1 2\nb 3 4\n", "2 words, but its header promises 1"),
        (b"PK\x03\x04rest", "packed file"),
        (gzip.compress(b"a 1\n", mtime=0), "packed file"),  # a time would give each test process another id
    ],
)
def test_empty_cut_off_and_packed_files_are_errors(tmp_path, content, message):
    with pytest.raises(InvalidRowError, match=message):
        read_word_vectors(write(tmp_path, content))


def test_cut_off_gzip_missing_file_and_a_string_of_words(tmp_path):
    path = tmp_path / "vectors.gz"
    path.write_bytes(gzip.compress(b"".join(b"w%d %d 1\n" % (i, i) for i in range(5000)))[:-200])
    with pytest.raises(InvalidRowError, match="gzip"):
        read_word_vectors(path)
    with pytest.raises(UsageError, match="does not exist"):
        read_word_vectors(tmp_path / "nothing.txt")
    with pytest.raises(UsageError, match="collection of words"):
        read_word_vectors(write(tmp_path, "a 1\n"), words="a")


def test_a_large_file_takes_seconds_not_minutes(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(500, 50)).round(5)
    lines = [" ".join(map(str, row)) for row in numbers]
    path = write(tmp_path, "".join(f"word{i} {lines[i % 500]}\n" for i in range(10_000)))
    start = time.process_time()
    found = read_word_vectors(path)
    # 400,000 words would take 40 times as long.
    assert time.process_time() - start < 3
    np.testing.assert_array_equal(found.vectors[9_999], np.float32(numbers[499]))


@pytest.mark.parametrize(
    "words, vectors, message",
    [
        (["a"], np.zeros((1, 2)), "float32"),
        (["a"], [[1.0]], "got list"),
        (["a", "b"], np.zeros((1, 2), np.float32), "one vector"),
        (["a"], np.zeros((1, 0), np.float32), "at least one dimension"),
        (["a", "b"], np.float32([[0], [np.nan]]), "'b'"),
    ],
)
def test_word_vectors_made_in_memory_are_checked(words, vectors, message):
    with pytest.raises(UsageError, match=message):
        WordVectors(words, vectors)
