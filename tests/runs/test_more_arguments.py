"""The command line of a MORE run: wrong use is told before anything is loaded or written."""

import pytest

from hf_relation.errors import UsageError
from hf_relation.runs.more import main
from hf_relation.runs.more_arguments import parse
from hf_relation.runs.presets import presets_of


@pytest.mark.parametrize(
    "options, message",
    [
        (["--max_step", "3"], "There is no option '--max_step'. Did you mean --max_steps"),
        (["--preset", "nope"], "There is no preset 'nope'. Use one of more, more-rll, minilm"),
        (["--loss_kwargs", "{"], r"`--loss_kwargs` must be a JSON object such as .*, got '\{'"),
        (["--loss_kwargs", '{"margin": 1}'], "has no setting 'margin'"),
        (["--adversarial_kwargs", "3"], "`--adversarial_kwargs` must be a JSON object .*it is not an object"),
        (["--adversarial_kwargs", '{"eps": 1}'], "`adversarial_kwargs` has no setting 'eps'"),
        (["--adversarial_kwargs", '{"epsilon": -1}'], "epsilon"),
        (["--adversarial_weight", "-1"], "`adversarial_weight`"),
        (["--cluster_kwargs", "[]"], "`--cluster_kwargs` must be a JSON object"),
        (["--cluster_kwargs", '{"bandwidth": 1}'], "\"kmeans\" has no setting 'bandwidth'"),
        (["--algorithm", "hdbscan", "--cluster_kwargs", '{"bandwidth": 1}'], '"hdbscan" has no setting'),
        (["--word_vectors", "x.txt"], "--word_vectors is for --encoder cnn"),
        (["--word_embedding_dim", "5"], "--word_embedding_dim is for --encoder cnn"),
        (["--encoder", "cnn", "--word_vectors", "x.txt", "--model_name_or_path", "y"], "Give one of them"),
        (["--pooling", "head"], "head"),
        (["--projection_dim", "0"], "`projection_dim`"),
    ],
)
def test_wrong_options(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        main([*options, "--output_dir", str(tmp_path / "run"), "--use_cpu", "true"])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [["--encoder", "rnn"], ["--max_steps", "many"], ["--preset"]])
def test_values_of_another_kind_are_refused_by_the_parser(options, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(options)
    assert stop.value.code == 2 and "usage:" in capsys.readouterr().err


def test_help_lists_presets_with_sources_and_the_command_it_was_called_by(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"], command="hf-relation train more")
    text = capsys.readouterr().out
    assert "hf-relation train more --dataset jsonl --train_file" in text and "train_more.py" not in text
    for name, preset in presets_of("more").items():
        assert name in text and preset.source in text
    for option in (
        "--encoder",
        "--word_vectors",
        "--adversarial_weight",
        "--label_noise",
        "--algorithm",
        "--overwrite",
    ):
        assert option in text


def test_help_of_a_preset_shows_its_defaults(capsys):
    with pytest.raises(SystemExit):
        parse(["--preset", "more", "--encoder", "cnn", "--help"])
    assert "(default: 0.003)" in " ".join(capsys.readouterr().out.split())
