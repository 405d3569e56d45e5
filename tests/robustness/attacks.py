"""Attacks on arrays, each made from valid ones, and the results to expect."""

import numpy as np
import pandas as pd
import torch
from array_cases import (
    FLOATS,
    SIZES,
    any_of,
    either,
    equal,
    nothing,
    numbers,
    squeezed,
)

ATTACKS = {}


def attack(make):
    """Register a generator of (what it does, arrays, verdict)."""
    ATTACKS[make.__name__.replace("_", " ")] = make
    return make


@attack
def empty(case):
    axes = [axis for name in case.shapes for axis in case.axes(name)]
    for axis in dict.fromkeys(axes):
        yield f"no {axis}", case.arrays(**{axis: 0}), nothing


@attack
def one_element(case):
    sizes = {axis: 1 for axis in SIZES if axis not in case.sizes}
    yield "one of each", case.arrays(**sizes), numbers


@attack
def wrong_rank(case):
    good = case.arrays()
    whole = case.run(good)[0]
    first = [a[0] if a.ndim and a.size else a for a in whole]
    alone = [a[:1] if a.ndim else a for a in whole]  # where there is one layer
    for name in case.shapes:
        array = good[name]
        more = {**good, name: array[None]}
        yield f"{name}, an axis more", more, any_of(equal(whole), squeezed(whole))
        yield f"{name}, an axis less", {**good, name: array[0]}, either(first, alone)


@attack
def mismatched_lengths(case):
    good = case.arrays()
    axes = [axis for name in case.shapes for axis in case.axes(name)]
    axes += case.labels.values()
    for name in case.shapes:
        array, its = good[name], case.axes(name)
        for place, axis in enumerate(its):
            shared = axes.count(axis) > its.count(axis) or its.count(axis) > 1
            if shared or axis in case.sizes:
                short = array.narrow(place, 0, array.shape[place] - 1)
                yield f"{name}, one {axis} less", {**good, name: short}, None


def _with(case, name, number, *, place=0, **dtype):
    good = case.arrays()
    good[name] = good[name].to(**dtype)
    good[name].view(-1)[place] = number
    return good


@attack
def nan(case):
    whole = case.run(case.arrays())[0]
    for name in case.of_kind(*FLOATS):
        stays = equal(whole, spared=lambda found, _: np.isnan(found))
        for place in (0, -1):
            with_nan = _with(case, name, torch.nan, place=place)
            yield f"{name} {place}", with_nan, stays


@attack
def infinity(case):
    """Give what the largest number gives, or something that is seen."""
    for name in case.of_kind(*FLOATS):
        for sign in (1, -1):
            largest = _with(case, name, sign * 1e30, dtype=torch.float64)
            seen = equal(case.run(largest)[0], spared=lambda x, _: ~np.isfinite(x))
            yield f"{name} {sign}", _with(case, name, sign * torch.inf), seen


def _typed(case, *dtypes):
    good = case.arrays()
    for name in case.of_kind(*FLOATS):
        for dtype in dtypes:
            array = (good[name] * 3).to(dtype)
            plain = case.run({**good, name: array.float()})[0]
            yield f"{name} {dtype}", {**good, name: array}, equal(plain)


@attack
def huge(case):
    """Give numbers that float32 can just hold, or not at all."""
    for name in case.of_kind(*FLOATS):
        for number, dtype in ((3e38, torch.float32), (1e300, torch.float64)):
            array = _with(case, name, number, dtype=dtype)
            yield f"{name} {number}", array, lambda answer: None


@attack
def integers(case):
    yield from _typed(case, torch.int64, torch.uint8, torch.bool)


@attack
def other_floats(case):
    yield from _typed(case, torch.float16, torch.bfloat16, torch.float64)


@attack
def no_ids(case):
    good = case.arrays()
    whole = equal(case.run(good)[0])
    for name in case.of_kind("ids", "mask"):
        # A mask of numbers may be one to add to the scores: 0 and minus infinity.
        verdict = None if case.kind(name) == "mask" else whole
        yield f"{name}, bytes", {**good, name: good[name].to(torch.uint8)}, verdict
        yield f"{name}, floats", {**good, name: good[name].float()}, verdict
        if case.vocabulary and case.kind(name) == "ids":
            for number in (case.vocabulary, -1):
                yield f"{name}, {number}", _with(case, name, number), None


@attack
def not_contiguous(case):
    good = case.arrays()
    for name in case.shapes:
        strided = torch.stack([good[name]] * 2, -1)[..., 0]
        yield name, {**good, name: strided}, equal(case.run(good)[0])


@attack
def requires_grad(case):
    good = case.arrays()
    for name in case.of_kind(*FLOATS):
        learned = good[name].clone().requires_grad_()
        yield name, {**good, name: learned}, equal(case.run(good)[0])


@attack
def another_device(case):
    good = case.arrays()
    for name in case.shapes:
        yield name, {**good, name: good[name].to("meta")}, None


@attack
def no_tensor(case):
    good = case.arrays()
    whole = case.run(good)[0]
    for name in case.shapes:
        yield f"{name}, a list", {**good, name: good[name].tolist()}, equal(whole)
        ragged, complex_ = [[1.0], [1.0, 2.0]], 1j * torch.ones(good[name].shape)
        for junk in (ragged, object(), complex_):
            yield f"{name}, {type(junk).__name__}", {**good, name: junk}, None


@attack
def as_a_model_returns_it(case):
    """Give layers with a batch axis of one and with gradients, or a batch of ids."""
    good = case.arrays()
    whole = case.run(good)[0]
    for name in case.of_kind(*FLOATS):
        if good[name].ndim > 2:
            layers = tuple(layer[None].requires_grad_() for layer in good[name])
            yield f"{name}, layers", {**good, name: layers}, equal(whole)
            two = tuple(torch.cat([layer[None]] * 2) for layer in good[name])
            yield f"{name}, layers of two texts", {**good, name: two}, None
            yield f"{name}, no attention", {**good, name: (None, None)}, None
    for name in case.of_kind("ids"):
        yield f"{name}, a batch", {**good, name: good[name][None]}, squeezed(whole)


@attack
def another_library(case):
    good = case.arrays()
    whole = case.run(good)[0]
    for name in case.shapes:
        array = good[name].numpy()
        yield f"{name}, numpy", {**good, name: array}, equal(whole)
        if array.ndim < 3:
            frame = pd.Series if array.ndim == 1 else pd.DataFrame
            yield f"{name}, pandas", {**good, name: frame(array)}, equal(whole)


@attack
def wide(case):
    axis, n = case.wide
    good = case.arrays(**{axis: n})
    for dtype in (torch.float32, torch.float16):
        floats = case.of_kind(*FLOATS)
        some = {**good, **{name: good[name].to(dtype) for name in floats}}
        exact = {**good, **{name: some[name].double() for name in floats}}
        plain = case.run(exact)[0]
        yield f"{n} {axis}, {dtype}", some, equal(plain, tolerance=1e-3)
