"""The list of fields is the one of azure-ai-ml, so that a new version of it cannot make ours go stale unnoticed."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from services.deploying.model import Kind
from services.deploying.schema_fields import FIELDS, Field, Short, Sort, paths

_GROUPS = {"Nested", "NestedField"}
_NEEDED = {"identity.type", "data_collector.collections"}
"""azure-ai-ml does not ask for these, and then fails without them."""


def schema_of(kind: Kind) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from azure.ai.ml._schema._deployment.online.online_deployment import ManagedOnlineDeploymentSchema
        from azure.ai.ml._schema._endpoint.online.online_endpoint import ManagedOnlineEndpointSchema

        schema = ManagedOnlineEndpointSchema if kind is Kind.ENDPOINT else ManagedOnlineDeploymentSchema
        return schema(context={"base_path": Path.cwd()})


def walk(fields: Any, before: str = "") -> dict[str, list[Any]]:
    """Every field by its dotted path, with all alternatives of azure-ai-ml's unions."""
    found: dict[str, list[Any]] = {}
    for name, each in fields.items():
        path = f"{before}{each.data_key or name}"
        for one in alternatives(each):
            found.setdefault(path, []).append(one)
            if not each.dump_only:
                for below, inner in walk_inside(one, path).items():
                    found.setdefault(below, []).extend(inner)
    return found


def alternatives(field: Any) -> list[Any]:
    experimental = getattr(field, "_experimental_field", None)
    if experimental is not None:
        return alternatives(experimental)
    union = getattr(field, "_union_fields", None)
    return [one for each in union for one in alternatives(each)] if union else [field]


def walk_inside(field: Any, path: str) -> dict[str, list[Any]]:
    name = type(field).__name__
    if name in _GROUPS:
        return walk(field.schema.fields, f"{path}.")
    inner = getattr(field, "inner", None) or getattr(field, "value_field", None)
    return walk_inside(inner, f"{path}.*") if inner is not None else {}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_field_of_azures_schema_is_known_and_no_other(kind: Kind) -> None:
    ours = paths(FIELDS[kind])
    free = tuple(f"{path}." for path, field in ours.items() if field.sort is Sort.FREE)
    assert {path for path in walk(schema_of(kind).fields) if not path.startswith(free)} == set(ours)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_only_azure_sets_and_what_has_to_be_there_is_the_same(kind: Kind) -> None:
    azures = walk(schema_of(kind).fields)
    for path, field in paths(FIELDS[kind]).items():
        # Of alternatives, such as an environment with a name and one without, the file may have either.
        assert field.required == all(each.required for each in azures[path]) or path in _NEEDED, path
        if all(each.dump_only for each in azures[path]):
            assert field.azures, path
            assert not field.is_read, path


@pytest.mark.parametrize("kind", list(Kind))
def test_the_words_of_a_choice_are_the_same(kind: Kind) -> None:
    azures = walk(schema_of(kind).fields)
    for path, field in paths(FIELDS[kind]).items():
        allowed = {word for each in azures[path] for word in getattr(each, "allowed_values", None) or ()}
        assert set(field.choices) == allowed, path
        if field.choices:
            assert field.camel == (azures[path][0].casing_transform("OneTwo") == "one_two"), path


@pytest.mark.parametrize("kind", list(Kind))
def test_the_sort_of_each_field_is_the_same(kind: Kind) -> None:
    azures = walk(schema_of(kind).fields)
    for path, field in paths(FIELDS[kind]).items():
        if not field.azures:
            assert {type(each).__name__ for each in azures[path]} <= takes(field), path


def takes(field: Field) -> set[str]:
    """The classes of marshmallow and azure-ai-ml that fit what we take."""
    sorts = {
        Sort.TEXT: {"String", "LocalPathField", "Url"},
        Sort.VERSION: {"VersionField"},
        Sort.WHOLE: {"Integer"},
        Sort.NUMBER: {"Float"},
        Sort.SWITCH: {"Boolean"},
        Sort.CHOICE: {"StringTransformedEnum"},
        Sort.WORDS: {"Dict"},
        Sort.SHARES: {"Dict"},
        Sort.FREE: {"Dict", "Raw", "NestedField"},
        Sort.GROUP: {"NestedField", "Nested"},
        Sort.EACH: {"Dict"},
        Sort.LIST: {"List"},
    }
    shorts = {Short.NOTHING: set(), Short.TEXT: {"String"}, Short.ASSET: {"RegistryStr", "ArmVersionedStr"}}
    return sorts[field.sort] | shorts[field.short]
