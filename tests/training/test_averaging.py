"""WeightAverage against the formulas, by hand."""

import pytest
import torch
from torch import nn

from hf_relation.errors import CheckpointError
from hf_relation.training import WeightAverage


def scalar_model(value=0.0, frozen=5.0):
    model = nn.Module()
    model.weight = nn.Parameter(torch.tensor([value]))
    model.frozen = nn.Parameter(torch.tensor([frozen]), requires_grad=False)
    return model


def set_weight(model, value):
    with torch.no_grad():
        model.weight.fill_(value)


def test_moving_average_follows_the_recursion_with_its_warm_up():
    model = scalar_model(1.0)
    average = WeightAverage(model, ema_decay=0.25)
    expected = 1.0
    for step, value in enumerate([3.0, -1.0, 4.0, 8.0], start=1):
        set_weight(model, value)
        average.update(model)
        decay = min(0.25, (1 + step) / (10 + step))  # 2/11, 0.25, 0.25, ...
        expected = decay * expected + (1 - decay) * value
    average.write_into(model)
    assert model.weight.item() == pytest.approx(expected, abs=1e-6)
    assert model.frozen.item() == 5.0


def test_average_with_the_start_is_linear():
    model = scalar_model(2.0)
    average = WeightAverage(model, base_weight_average=0.25)
    set_weight(model, 10.0)
    average.write_into(model)
    assert model.weight.item() == pytest.approx(0.75 * 10 + 0.25 * 2)


def test_both_averages_together():
    model = scalar_model(2.0)
    average = WeightAverage(model, ema_decay=0.9, base_weight_average=0.5)
    set_weight(model, 13.0)
    average.update(model)
    average.write_into(model)
    assert model.weight.item() == pytest.approx(0.5 * (2 / 11 * 2 + 9 / 11 * 13) + 0.5 * 2)


def test_applied_gives_the_trained_weights_back_even_after_an_error():
    model = scalar_model(2.0)
    average = WeightAverage(model, base_weight_average=1.0)
    set_weight(model, 10.0)
    with pytest.raises(RuntimeError), average.applied(model):
        assert model.weight.item() == 2.0
        raise RuntimeError
    assert model.weight.item() == 10.0


def test_switched_off_it_changes_nothing():
    model = scalar_model(2.0)
    average = WeightAverage(model)
    set_weight(model, 10.0)
    average.update(model)
    average.write_into(model)
    assert model.weight.item() == 10.0


def test_an_adapter_shrinks_by_the_share_of_the_start():
    model = nn.Module()
    model.lora_A = nn.Parameter(torch.randn(2, 3))
    model.lora_B = nn.Parameter(torch.zeros(4, 2))
    average = WeightAverage(model, base_weight_average=0.25)
    with torch.no_grad():
        model.lora_A.normal_()
        model.lora_B.normal_()
    update = (model.lora_B @ model.lora_A).detach()
    average.write_into(model)
    torch.testing.assert_close((model.lora_B @ model.lora_A).detach(), 0.75 * update)


def test_saved_average_goes_on_where_it_stopped(tmp_path):
    def steps(average, model, values):
        for value in values:
            set_weight(model, value)
            average.update(model)

    model = scalar_model(1.0)
    whole = WeightAverage(model, ema_decay=0.9)
    steps(whole, model, [3.0, 4.0, 9.0])

    model = scalar_model(1.0)
    first = WeightAverage(model, ema_decay=0.9)
    steps(first, model, [3.0, 4.0])
    first.save(tmp_path)
    second = WeightAverage(scalar_model(1.0), ema_decay=0.9)
    second.load(tmp_path)
    steps(second, model, [9.0])

    one, other = scalar_model(), scalar_model()
    whole.write_into(one)
    second.write_into(other)
    assert one.weight.item() == other.weight.item()


def test_loading_names_what_does_not_fit(tmp_path):
    average = WeightAverage(scalar_model(), ema_decay=0.5)
    with pytest.raises(CheckpointError, match="written without a moving average"):
        average.load(tmp_path)
    other = nn.Module()
    other.another = nn.Parameter(torch.zeros(1))
    WeightAverage(other, ema_decay=0.5).save(tmp_path)
    with pytest.raises(CheckpointError, match="another, weight"):
        average.load(tmp_path)
